"""Submitting executions and looking at one."""

import time
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

import orjson
from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.openapi.constants import REF_PREFIX

from attune_executor.api import answers
from attune_executor.api.access import Guard
from attune_executor.api.errors import ApiError, ErrorBody
from attune_executor.api.requests import read_submission
from attune_executor.api.service import ExecutionService
from attune_executor.domain.submission import Cancellation, Refusal
from attune_executor.engine.views import ExecutionView
from attune_executor.ports.authorization import Verb

EXECUTIONS: Final = "/api/v1/executions"
_ExecutionId: TypeAlias = Annotated[int, Path(ge=1, le=2**63 - 1)]
_JSON: Final = "application/json"
_REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "Unknown action: no policy declares it", "model": ErrorBody | answers.RefusedMany},
    409: {"description": "The action takes no executions now", "model": ErrorBody | answers.RefusedMany},
    413: {"description": "The body is too large", "model": ErrorBody},
    422: {"description": "The body is not understood; the error names the field", "model": ErrorBody},
    429: {
        "description": "Queue full, or too many requests; Retry-After says when to come back",
        "model": ErrorBody | answers.RefusedMany,
    },
    503: {"description": "Database or broker away; Retry-After says when to come back", "model": ErrorBody},
}
# The body is read by hand, so it is described by hand.
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            _JSON: {
                "schema": {"anyOf": [{"$ref": f"{REF_PREFIX}SubmissionOne"}, {"$ref": f"{REF_PREFIX}SubmissionMany"}]}
            }
        },
    }
}


def executions_router(service: ExecutionService, guard: Guard, max_batch: int) -> APIRouter:
    """Routes under ``/api/v1/executions``."""
    router = APIRouter(prefix=EXECUTIONS, tags=["executions"])

    @router.post(
        "",
        status_code=HTTPStatus.CREATED,
        summary="Submit one execution or many",
        response_model=None,
        responses={
            201: {"description": "Accepted and durable", "model": answers.AcceptedOne | answers.AcceptedMany},
            207: {"description": "Some accepted, some refused: an outcome each", "model": answers.AcceptedMany},
            **_REFUSED,
        },
        openapi_extra=_BODY,
    )
    async def submit(request: Request, idempotency_key: Annotated[str | None, Header()] = None) -> Response:
        requests, many = read_submission(await request.body(), idempotency_key, max_batch)
        await guard.require(request, Verb.CREATE, (item.action_ref for item in requests))
        results = await service.submit(requests)
        if many:
            return _json(answers.batch(results), answers.batch_status(results), answers.retry_after(results))
        (result,) = results
        if isinstance(result, Refusal):
            return _json(answers.outcome(result), answers.status_of(result), answers.retry_after(results))
        return _json({"data": answers.outcome(result)}, HTTPStatus.CREATED, {})

    @router.get(
        "/{execution_id}",
        summary="One execution, with its place in the queue while it waits",
        response_model=None,
        responses={
            200: {"model": answers.ExecutionAnswer},
            404: {"description": "No such execution", "model": ErrorBody},
            422: {"description": "The id is not a number", "model": ErrorBody},
            503: {"description": "Database away", "model": ErrorBody},
        },
    )
    async def look(request: Request, execution_id: _ExecutionId) -> Response:
        view = await found(execution_id)
        await guard.require(request, Verb.GET, [view.stored.action_ref])
        return _json({"data": answers.execution(view, time.time())}, HTTPStatus.OK, {})

    @router.post(
        "/{execution_id}/cancel",
        status_code=HTTPStatus.ACCEPTED,
        summary="End an execution: one that waits never runs, one that runs is stopped by its worker",
        response_model=None,
        responses={
            202: {"description": "It has ended, or its worker is told to stop it", "model": answers.ExecutionAnswer},
            404: {"description": "No such execution", "model": ErrorBody},
            409: {"description": "It had ended before", "model": ErrorBody},
            413: {"description": "A body is not needed, and this one is too large", "model": ErrorBody},
            422: {"description": "The id is not a number", "model": ErrorBody},
            503: {"description": "Database or broker away", "model": ErrorBody},
        },
    )
    async def cancel(request: Request, execution_id: _ExecutionId) -> Response:
        await guard.require(request, Verb.DELETE, [(await found(execution_id)).stored.action_ref])
        outcome = await service.cancel(execution_id)
        view = await found(execution_id)
        if outcome is Cancellation.ENDED:
            status = view.stored.status.value
            raise ApiError(
                HTTPStatus.CONFLICT,
                "already_ended",
                f"Execution {execution_id} has ended before: it is {status}",
                details={"status": status},
            )
        return _json({"data": answers.execution(view, time.time())}, HTTPStatus.ACCEPTED, {})

    async def found(execution_id: int) -> ExecutionView:
        view = await service.execution(execution_id)
        if view is None:
            raise ApiError(HTTPStatus.NOT_FOUND, "unknown_execution", f"No execution {execution_id}")
        return view

    return router


def _json(body: Any, status: HTTPStatus, headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(body), status, headers, _JSON)
