"""The heads of a queue: who waits, in which place, and until when."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from attune_executor.api import answers, fields
from attune_executor.api.access import Guard
from attune_executor.api.errors import ErrorBody, unavailable, unknown_action
from attune_executor.api.live import LiveQueues, Watched
from attune_executor.api.picture import slots_of
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import Admission
from attune_executor.domain.waiting_time import estimated_wait_seconds
from attune_executor.ports.authorization import Verb
from attune_executor.ports.history import ExecutionHistory, HistoryQuery, ListedExecution
from attune_executor.ports.journal import JournalError

_MAX_LIMIT = 500


class WaitingExecution(BaseModel):
    """One execution that waits."""

    id: fields.ExecutionId
    created: fields.Created
    group: str | None = Field(description="Its line, by the values of the policy's `group_by`; null without one.")
    queue_position: int = Field(description="Its place in its line, from 1 at the head.")
    estimated_start: datetime | None = Field(
        description="Once run times are known; null also while the queue is held or nobody works."
    )


class WaitingAnswer(BaseModel):
    """Those next to start, in the order of their acceptance."""

    data: list[WaitingExecution] = Field(description="At most `limit` of them, from the head on.")


def waiting_router(history: ExecutionHistory, live: LiveQueues, guard: Guard) -> APIRouter:
    """``GET /api/v1/actions/{ref}/waiting``."""
    router = APIRouter(prefix="/api/v1", tags=["queues"])

    @router.get(
        "/actions/{ref}/waiting",
        summary="Executions that wait for one action, in the order of their acceptance",
        response_model=WaitingAnswer,
        responses={
            404: {"description": "Unknown action", "model": ErrorBody},
            422: {"description": "A parameter is not understood; the error names it", "model": ErrorBody},
            503: {"description": "Database away; Retry-After says when to come back", "model": ErrorBody},
        },
    )
    async def waiting(
        request: Request,
        ref: fields.ActionPath,
        limit: Annotated[int, Query(ge=1, le=_MAX_LIMIT, description="Most entries, from the head on.")] = 50,
    ) -> dict[str, Any]:
        await guard.require(request, Verb.LIST, [ref])
        try:
            page = await history.page(HistoryQuery(ref, ExecutionStatus.REQUESTED, oldest_first=True, limit=limit))
        except JournalError as error:
            raise unavailable(str(error)) from error
        if page is None:
            raise unknown_action(ref)
        return {"data": in_line(page.executions, _Forecast(live.watched, ref), time.time())}

    return router


class _Forecast:
    """When those in an action's lines start, as far as that can be told."""

    def __init__(self, watched: Watched, ref: str) -> None:
        self._policy = watched.policies().get(ref)
        self._stats = next((each for each in watched.stats() if each.action_ref == ref), None)
        self._pool = None if self._policy is None else watched.pools().get(self._policy.pool)

    def seconds(self, position: int) -> float | None:
        """From now on."""
        if self._stats is None or self._policy is None or self._policy.admission is Admission.HOLD:
            return None
        slots = slots_of(self._stats.max_concurrent, self._pool)
        average = self._stats.load.average_duration_seconds
        return estimated_wait_seconds(position, slots, average, self._policy.rate_limit)


def in_line(waiting: Sequence[ListedExecution], forecast: _Forecast, now: float) -> list[dict[str, Any]]:
    """Those that wait, from the head on, with their places in their lines; ``now`` in Unix seconds."""
    places = Counter[str | None]()
    found: list[dict[str, Any]] = []
    for each in waiting:
        places[each.group_key] += 1
        position = places[each.group_key]
        seconds = forecast.seconds(position)
        found.append(
            {
                "id": each.execution_id,
                "created": answers.moment(each.created),
                "group": each.group_key,
                "queue_position": position,
                "estimated_start": None if seconds is None else answers.moment(now + seconds),
            }
        )
    return found
