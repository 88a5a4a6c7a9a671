"""How the load grows: the runbook's growth planning by day, and its growth rate of the queues."""

import time
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from attune_executor.api import fields
from attune_executor.api.access import Guard
from attune_executor.api.answers import moment
from attune_executor.api.errors import ErrorBody, unavailable, unknown_action
from attune_executor.api.service import ExecutionService
from attune_executor.domain.growth import (
    GROWTH_SECONDS,
    CountedDays,
    DayCount,
    Snapshot,
    day_of,
    growth,
    queue_growth,
)
from attune_executor.ports.authorization import Verb
from attune_executor.ports.growth import GrowthHistory
from attune_executor.ports.journal import JournalError

GROWTH: Final = "/api/v1/growth"
QUEUE_GROWTH: Final = "/api/v1/queue-growth"
_MOST_DAYS: Final = 36_500
_NEAREST_SECONDS: Final = 60
"""A snapshot that is younger tells of now, not of before."""


class Day(BaseModel):
    """Executions that were accepted on one day, by UTC."""

    day: date = Field(description="The day, by UTC.")
    executions: int = Field(description="Executions accepted on it.")
    succeeded: int = Field(description="Of those, how many succeeded.")
    failed: int = Field(description="How many failed.")
    other: int = Field(description="How many were cancelled or timed out.")
    unfinished: int = Field(description="Had not ended when they were counted, at 03:00 UTC of the next day.")
    average_duration_seconds: float | None = Field(
        description="Mean seconds from acceptance to end of those that succeeded, as in the runbook; null of none."
    )
    average_run_seconds: float | None = Field(description="Mean run time in seconds of those that ran; null of none.")


class SoFar(BaseModel):
    """Executions that are in no day yet."""

    since: date | None = Field(description="The first day that is not counted yet; null before the first count.")
    executions: int = Field(description="Executions accepted since then.")


class Days(BaseModel):
    """Growth by day."""

    days: list[Day] = Field(description="Days that are over and counted, the latest last; none is left out.")
    so_far: SoFar = Field(description="What came since those days.")


class GrowthAnswer(BaseModel):
    """Growth by day."""

    data: Days = Field(description="The days that were asked for.")


class QueueNow(BaseModel):
    """How one queue grew."""

    action_ref: fields.ActionRef
    queue_now: int = Field(description="Executions that wait now.")
    queue_5min_ago: int | None = Field(
        description="Executions that waited at the time of the snapshot; null where there is none."
    )
    growth: int | None = Field(
        description="How many more wait now; negative where fewer do; null where there is no snapshot."
    )
    new_requests: int | None = Field(
        description="Executions accepted since the snapshot; null also where the queue was empty and idle then."
    )


class QueueGrowths(BaseModel):
    """How the queues grew since a snapshot."""

    snapshot_time: datetime | None = Field(
        description="When the snapshot was taken that is compared with, the nearest to five minutes ago."
    )
    queues: list[QueueNow] = Field(description="Those that hold or held something, the fastest growing first.")


class QueueGrowthAnswer(BaseModel):
    """How the queues grew."""

    data: QueueGrowths = Field(description="The queues now, beside the snapshot.")


class AbsentGrowth:
    """No database: for the description of the API, which needs none."""

    async def days(self, first: date, action_id: int | None) -> CountedDays:
        """Nothing is known."""
        raise JournalError(f"no database here to tell of action {action_id} since {first}")

    async def snapshot(self, nearest: float, earliest: float, latest: float) -> Snapshot | None:
        """Nothing is known."""
        raise JournalError(f"no database here to tell of {nearest}, {earliest} and {latest}")


def growth_router(service: ExecutionService, history: GrowthHistory, guard: Guard) -> APIRouter:
    """``GET /api/v1/growth`` and ``GET /api/v1/queue-growth``."""
    router = APIRouter(tags=["growth"])

    @router.get(
        GROWTH,
        summary="Executions and how long they took, by the day of their acceptance",
        response_model=GrowthAnswer,
        responses={
            404: {"description": "Unknown action", "model": ErrorBody},
            422: {"description": "A parameter is not understood; the error names it", "model": ErrorBody},
        },
    )
    async def by_day(
        request: Request,
        action_ref: Annotated[str | None, Query(description="Only those of this action.")] = None,
        days: Annotated[int, Query(ge=1, le=_MOST_DAYS, description="How many days to look back.")] = 30,
    ) -> dict[str, Any]:
        await guard.require(request, Verb.LIST if action_ref is None else Verb.GET, [action_ref])
        queues = service.stats()
        if action_ref is not None:
            found = service.stats_of(action_ref)
            if found is None:
                raise unknown_action(action_ref)
            queues = (found,)
        first = day_of(time.time()) - timedelta(days=days)
        try:
            known = await history.days(first, None if action_ref is None else queues[0].action_id)
        except JournalError as error:
            raise unavailable(str(error)) from error
        grown = growth(known, queues)
        so_far = {"since": grown.since, "executions": grown.so_far}
        return {"data": {"days": [_day(day) for day in grown.days], "so_far": so_far}}

    @router.get(
        QUEUE_GROWTH,
        summary="How the queues grew in about five minutes: now, compared with the nearest snapshot",
        response_model=QueueGrowthAnswer,
    )
    async def of_queues(request: Request) -> dict[str, Any]:
        await guard.require(request, Verb.LIST, [None])
        now = time.time()
        then = now - GROWTH_SECONDS
        try:
            snapshot = await history.snapshot(then, then - GROWTH_SECONDS, now - _NEAREST_SECONDS)
        except JournalError as error:
            raise unavailable(str(error)) from error
        queues = [each._asdict() for each in queue_growth(service.stats(), snapshot)]
        return {"data": {"snapshot_time": moment(snapshot.taken_at) if snapshot else None, "queues": queues}}

    return router


def _day(day: DayCount) -> dict[str, Any]:
    return {
        "day": day.day,
        "executions": day.executions,
        "succeeded": day.succeeded,
        "failed": day.failed,
        "other": day.other,
        "unfinished": day.unfinished,
        "average_duration_seconds": day.average_duration_seconds,
        "average_run_seconds": day.average_run_seconds,
    }
