"""How the queues are: the runbook's endpoint, and all of them."""

from typing import Any

from fastapi import APIRouter, Request

from attune_executor.api import answers, fields
from attune_executor.api.access import Guard
from attune_executor.api.errors import ErrorBody, unknown_action
from attune_executor.api.service import ExecutionService
from attune_executor.ports.authorization import Verb


def queues_router(service: ExecutionService, guard: Guard) -> APIRouter:
    """``/api/v1/actions/{ref}/queue-stats`` and ``/api/v1/queues``."""
    router = APIRouter(prefix="/api/v1", tags=["queues"])

    @router.get(
        "/actions/{ref}/queue-stats",
        summary="Statistics of one action's queue",
        response_model=answers.QueueAnswer,
        responses={404: {"description": "Unknown action", "model": ErrorBody}},
    )
    async def queue_stats(request: Request, ref: fields.ActionPath) -> dict[str, Any]:
        await guard.require(request, Verb.GET, [ref])
        stats = service.stats_of(ref)
        if stats is None:
            raise unknown_action(ref)
        return {"data": answers.queue(stats)}

    @router.get("/queues", summary="Statistics of every queue", response_model=answers.QueuesAnswer)
    async def queues(request: Request) -> dict[str, Any]:
        await guard.require(request, Verb.LIST, [None])
        return {"data": [answers.queue(stats) for stats in sorted(service.stats(), key=lambda item: item.action_ref)]}

    return router
