"""Which executions are stuck: dispatched or running, and silent for long."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from attune_executor.api import answers
from attune_executor.api.access import Guard
from attune_executor.api.errors import ErrorBody, unknown_action
from attune_executor.api.executions import EXECUTIONS
from attune_executor.api.service import ExecutionService
from attune_executor.domain.stuck import StuckQuery
from attune_executor.domain.thresholds import STUCK_SECONDS
from attune_executor.ports.authorization import Verb

_MAX_LIMIT: Final = 500
_LONGEST_MINUTES: Final = 366 * 24 * 60


def stuck_router(service: ExecutionService, guard: Guard) -> APIRouter:
    """``GET /api/v1/executions/stuck``; to be included before ``/executions/{id}``, which would take it for an id."""
    router = APIRouter(tags=["executions"])

    @router.get(
        f"{EXECUTIONS}/stuck",
        summary="Executions dispatched or running of which nothing was heard for long, the oldest first",
        description="Nothing heard: neither dispatched nor begun in that time. From memory; costs a look at each"
        " execution that holds a slot, and at none that waits.",
        response_model=answers.StuckAnswer,
        responses={
            404: {"description": "Unknown action", "model": ErrorBody},
            422: {"description": "A parameter is not understood; the error names it", "model": ErrorBody},
            503: {
                "description": "This executor, or another that shares the shards, cannot tell now",
                "model": ErrorBody,
            },
        },
    )
    async def stuck(
        request: Request,
        minutes: Annotated[
            float, Query(ge=0, le=_LONGEST_MINUTES, allow_inf_nan=False, description="For how long.")
        ] = STUCK_SECONDS // 60,
        action_ref: Annotated[str | None, Query(description="Only those of this action.")] = None,
        limit: Annotated[int, Query(ge=1, le=_MAX_LIMIT, description="Most entries of the answer.")] = 100,
    ) -> dict[str, Any]:
        await guard.require(request, Verb.LIST, [action_ref])
        if action_ref is not None and service.stats_of(action_ref) is None:
            raise unknown_action(action_ref)
        found = await service.stuck(StuckQuery(minutes * 60, action_ref, limit))
        return {"data": [answers.stuck(each) for each in found]}

    return router
