"""Purging a queue: cancelling what waits for one action, in a number that the caller has seen."""

from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Request
from fastapi.openapi.constants import REF_PREFIX
from msgspec import Meta, Struct, json
from pydantic import BaseModel, ConfigDict, Field

from attune_executor.api import answers, fields
from attune_executor.api.access import Guard
from attune_executor.api.errors import ApiError, ErrorBody, unknown_action
from attune_executor.api.json_body import JSON, decoded
from attune_executor.api.service import ExecutionService
from attune_executor.domain.purge import PurgeOrder, PurgeRefused
from attune_executor.ports.authorization import Verb

_LARGEST: Final = 2**63 - 1
_Whole: TypeAlias = Annotated[int, Meta(ge=0, le=_LARGEST)]


class _Purge(Struct, forbid_unknown_fields=True):
    expected: _Whole
    up_to: _Whole | None = None


class PurgeWanted(BaseModel):
    """Cancel what waits for an action."""

    model_config = ConfigDict(extra="forbid")

    expected: int = Field(
        ge=0,
        le=_LARGEST,
        description="How many executions you have seen waiting; nothing is cancelled where more than a tenth more do.",
    )
    up_to: int | None = Field(
        default=None,
        ge=0,
        le=_LARGEST,
        description="The `up_to` of an earlier answer, to go on with what remained: later arrivals are not meant.",
    )


_decoder: Final = json.Decoder(_Purge)
# The body is read by hand, so it is described by hand.
_BODY: Final = {
    "requestBody": {"required": True, "content": {JSON: {"schema": {"$ref": f"{REF_PREFIX}{PurgeWanted.__name__}"}}}}
}


def purging_router(service: ExecutionService, guard: Guard) -> APIRouter:
    """``POST /api/v1/actions/{ref}/purge``."""
    router = APIRouter(prefix="/api/v1", tags=["queues"])

    @router.post(
        "/actions/{ref}/purge",
        summary="Cancel what waits for an action, and nothing that runs",
        description="One request cancels 50,000 executions at most, and says how many remain. What arrives meanwhile is"
        " not touched. To repeat it is safe: what is cancelled stays so.",
        response_model=answers.PurgedAnswer,
        responses={
            404: {"description": "Unknown action", "model": ErrorBody},
            409: {"description": "Far more wait than the request expects; nothing was cancelled", "model": ErrorBody},
            413: {"description": "The body is too large", "model": ErrorBody},
            422: {"description": "The body is not understood; the error names the field", "model": ErrorBody},
            503: {"description": "Database away; some may be cancelled, the others wait on", "model": ErrorBody},
        },
        openapi_extra=_BODY,
    )
    async def purge(request: Request, ref: fields.ActionPath) -> dict[str, Any]:
        wanted = decoded(_decoder, await request.body())
        await guard.require(request, Verb.DELETE, [ref])
        outcome = await service.purge(PurgeOrder(ref, wanted.expected, wanted.up_to))
        if outcome is None:
            raise unknown_action(ref)
        if isinstance(outcome, PurgeRefused):
            raise ApiError(
                HTTPStatus.CONFLICT,
                "more_waiting",
                f"{outcome.queue_length} executions of {ref!r} wait, far more than the {wanted.expected} expected:"
                " nothing was cancelled; look again, and name what you see",
                details={"queue_length": outcome.queue_length, "expected": wanted.expected},
            )
        return {"data": {"action_ref": ref, **outcome._asdict()}}

    return router
