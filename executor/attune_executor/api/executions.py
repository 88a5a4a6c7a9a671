"""Submitting executions and looking at one."""

import time
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

import orjson
from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.openapi.constants import REF_PREFIX

from attune_executor.api import answers, outcomes
from attune_executor.api.access import Guard
from attune_executor.api.errors import ApiError, ErrorBody
from attune_executor.api.json_body import JSON
from attune_executor.api.requests import read_submission
from attune_executor.api.service import ExecutionService
from attune_executor.domain.submission import Refusal
from attune_executor.engine.views import ExecutionView
from attune_executor.ports.authorization import Verb

EXECUTIONS: Final = "/api/v1/executions"
ExecutionId: TypeAlias = Annotated[
    int, Path(ge=1, le=2**63 - 1, description="Its id, from the answer to its submission.")
]
_REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "Unknown action: no policy declares it", "model": ErrorBody | outcomes.RefusedMany},
    409: {"description": "The action takes no executions now", "model": ErrorBody | outcomes.RefusedMany},
    413: {"description": "The body is too large", "model": ErrorBody},
    422: {"description": "The body is not understood; the error names the field", "model": ErrorBody},
    429: {
        "description": "Queue full, or too many requests; Retry-After says when to come back",
        "model": ErrorBody | outcomes.RefusedMany,
    },
    503: {"description": "Database or broker away; Retry-After says when to come back", "model": ErrorBody},
}
# The body is read by hand, so it is described by hand.
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
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
            201: {"description": "Accepted and durable", "model": outcomes.AcceptedOne | outcomes.AcceptedMany},
            207: {"description": "Some accepted, some refused: an outcome each", "model": outcomes.AcceptedMany},
            **_REFUSED,
        },
        openapi_extra=_BODY,
    )
    async def submit(
        request: Request,
        idempotency_key: Annotated[
            str | None, Header(description="Of a single execution: the `idempotency_key` that its body does not have.")
        ] = None,
    ) -> Response:
        requests, many = read_submission(await request.body(), idempotency_key, max_batch)
        await guard.require(request, Verb.CREATE, (item.action_ref for item in requests))
        results = await service.submit(requests)
        if many:
            return json_response(outcomes.batch(results), outcomes.batch_status(results), outcomes.retry_after(results))
        (result,) = results
        if isinstance(result, Refusal):
            return json_response(outcomes.outcome(result), outcomes.status_of(result), outcomes.retry_after(results))
        return json_response({"data": outcomes.outcome(result)}, HTTPStatus.CREATED, {})

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
    async def look(request: Request, execution_id: ExecutionId) -> Response:
        view = await found(service, execution_id)
        await guard.require(request, Verb.GET, [view.stored.action_ref])
        return json_response({"data": answers.execution(view, time.time())}, HTTPStatus.OK, {})

    return router


async def found(service: ExecutionService, execution_id: int) -> ExecutionView:
    """One execution; raises ApiError 404."""
    view = await service.execution(execution_id)
    if view is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "unknown_execution", f"No execution {execution_id}")
    return view


def json_response(body: Any, status: HTTPStatus, headers: dict[str, str]) -> Response:
    """An answer in JSON, with parameters and results as the JSON that they are."""
    return Response(orjson.dumps(body), status, headers, JSON)
