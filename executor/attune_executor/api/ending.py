"""Ending executions by hand: cancelling them, and saying in a worker's place how they ended."""

import time
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, TypeAlias

from fastapi import APIRouter, Request, Response
from fastapi.openapi.constants import REF_PREFIX
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, json
from pydantic import BaseModel, ConfigDict, Field

from attune_executor.api import answers
from attune_executor.api.access import Guard
from attune_executor.api.errors import ApiError, ErrorBody, invalid
from attune_executor.api.executions import EXECUTIONS, ExecutionId, found, json_response
from attune_executor.api.json_body import JSON, decoded
from attune_executor.api.service import ExecutionService
from attune_executor.domain.execution import Ending, ExecutionStatus
from attune_executor.domain.submission import Intervention
from attune_executor.engine.views import ExecutionView
from attune_executor.ports.authorization import Verb
from attune_executor.wire.requests import TEXT_PATTERN
from attune_executor.wire.storable import flaw

FORCED_ERROR: Final = "Execution stuck, manually failed by operator"
"""The runbook's words."""
_LONGEST_ERROR: Final = 1000
_NO_RESULT: Final = b"null"
_Error: TypeAlias = Annotated[str, Meta(min_length=1, max_length=_LONGEST_ERROR, pattern=TEXT_PATTERN)]
_ENDS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "No such execution", "model": ErrorBody},
    409: {"description": "It had ended before", "model": ErrorBody},
    503: {"description": "Database or broker away", "model": ErrorBody},
}


class _Completion(Struct, forbid_unknown_fields=True):
    status: Literal["failed", "succeeded"] = "failed"
    error: _Error | UnsetType = UNSET
    result: Raw | UnsetType = UNSET


class FailedByHand(BaseModel):
    """The execution failed."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["failed"] = Field(default="failed", description="That it failed.")
    error: str = Field(
        default=FORCED_ERROR,
        min_length=1,
        max_length=_LONGEST_ERROR,
        description='Why; its result is then `{"error": …}`.',
        json_schema_extra={"pattern": TEXT_PATTERN},
    )


class SucceededByHand(BaseModel):
    """The execution did what it was for, though its worker does not say so."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["succeeded"] = Field(description="That it succeeded.")
    result: Any = Field(default=None, description="Its result, any JSON.")


_decoder: Final = json.Decoder(_Completion)
# The body is read by hand, so it is described by hand.
_BODY: Final = {
    "requestBody": {
        "required": False,
        "content": {
            JSON: {
                "schema": {
                    "anyOf": [{"$ref": f"{REF_PREFIX}{model.__name__}"} for model in (FailedByHand, SucceededByHand)]
                }
            }
        },
    }
}


def ending_router(service: ExecutionService, guard: Guard) -> APIRouter:
    """``POST /api/v1/executions/{id}/cancel`` and ``…/complete``."""
    router = APIRouter(prefix=EXECUTIONS, tags=["executions"])

    @router.post(
        "/{execution_id}/cancel",
        status_code=HTTPStatus.ACCEPTED,
        summary="End an execution: one that waits never runs, one that runs is stopped by its worker",
        response_model=None,
        responses={
            202: {"description": "It has ended, or its worker is told to stop it", "model": answers.ExecutionAnswer},
            **_ENDS,
            413: {"description": "A body is not needed, and this one is too large", "model": ErrorBody},
            422: {"description": "The id is not a number", "model": ErrorBody},
        },
    )
    async def cancel(request: Request, execution_id: ExecutionId) -> Response:
        await guard.require(request, Verb.DELETE, [(await found(service, execution_id)).stored.action_ref])
        view = await ended(execution_id, await service.cancel(execution_id))
        return json_response({"data": answers.execution(view, time.time())}, HTTPStatus.ACCEPTED, {})

    @router.post(
        "/{execution_id}/complete",
        summary="Say how an execution ended, in its worker's place",
        description="For an execution that is stuck. Its slot is free when this is answered; a worker that has it is"
        " told to stop, and what that reports later changes nothing. Without a body it failed.",
        response_model=None,
        responses={
            200: {"description": "It has ended as the request says", "model": answers.ExecutionAnswer},
            **_ENDS,
            413: {"description": "The body is too large", "model": ErrorBody},
            422: {"description": "The body is not understood; the error names the field", "model": ErrorBody},
        },
        openapi_extra=_BODY,
    )
    async def complete(request: Request, execution_id: ExecutionId) -> Response:
        ending = read_ending(await request.body())
        await guard.require(request, Verb.DELETE, [(await found(service, execution_id)).stored.action_ref])
        view = await ended(execution_id, await service.complete(execution_id, ending))
        return json_response({"data": answers.execution(view, time.time())}, HTTPStatus.OK, {})

    async def ended(execution_id: int, outcome: Intervention) -> ExecutionView:
        """The execution as it is now; raises ApiError 409 where it had ended before."""
        view = await found(service, execution_id)
        if outcome is Intervention.ENDED:
            status = view.stored.status.value
            raise ApiError(
                HTTPStatus.CONFLICT,
                "already_ended",
                f"Execution {execution_id} has ended before: it is {status}",
                details={"status": status},
            )
        return view

    return router


def read_ending(body: bytes) -> Ending:
    """How an execution is to end; an empty body says that it failed, in the runbook's words.

    Raises:
        ApiError: 422, naming the field.
    """
    parsed = decoded(_decoder, body) if body else _Completion()
    status = ExecutionStatus(parsed.status)
    if status is ExecutionStatus.FAILED:
        if not isinstance(parsed.result, UnsetType):
            raise invalid("`result` is for one that succeeded: say in `error` why it failed", "result")
        error = FORCED_ERROR if isinstance(parsed.error, UnsetType) else parsed.error
        return Ending.because(status, error)
    if not isinstance(parsed.error, UnsetType):
        raise invalid("`error` is for one that failed: one that succeeded may have a `result`", "error")
    result = _NO_RESULT if isinstance(parsed.result, UnsetType) else bytes(parsed.result)
    if (problem := flaw(result)) is not None:
        raise invalid(f"{problem} - at `$.result`", "result")
    return Ending(status, result)
