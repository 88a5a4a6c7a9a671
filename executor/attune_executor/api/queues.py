"""How the queues are: the runbook's endpoint, and all of them."""

from typing import Any

from fastapi import APIRouter

from attune_executor.api import answers
from attune_executor.api.errors import ErrorBody, unknown_action
from attune_executor.api.service import ExecutionService


def queues_router(service: ExecutionService) -> APIRouter:
    """``/api/v1/actions/{ref}/queue-stats`` and ``/api/v1/queues``."""
    router = APIRouter(prefix="/api/v1", tags=["queues"])

    @router.get(
        "/actions/{ref}/queue-stats",
        summary="Statistics of one action's queue",
        response_model=answers.QueueAnswer,
        responses={404: {"description": "Unknown action", "model": ErrorBody}},
    )
    async def queue_stats(ref: str) -> dict[str, Any]:
        stats = service.stats_of(ref)
        if stats is None:
            raise unknown_action(ref)
        return {"data": answers.queue(stats)}

    @router.get("/queues", summary="Statistics of every queue", response_model=answers.QueuesAnswer)
    async def queues() -> dict[str, Any]:
        return {"data": [answers.queue(stats) for stats in sorted(service.stats(), key=lambda item: item.action_ref)]}

    return router
