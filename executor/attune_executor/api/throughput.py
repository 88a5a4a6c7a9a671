"""What came and what ended lately: the runbook's throughput, recent completions and traffic by minute."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from attune_executor.api import fields
from attune_executor.api.access import Guard
from attune_executor.api.answers import moment
from attune_executor.api.errors import ErrorBody, unknown_action
from attune_executor.api.service import ExecutionService
from attune_executor.domain.throughput import Tally, Throughput, busiest_first
from attune_executor.ports.authorization import Verb

THROUGHPUT: Final = "/api/v1/throughput"


class Counts(BaseModel):
    """What came and what ended in a stretch of time."""

    accepted: int = Field(description="Executions that were accepted.")
    succeeded: int = Field(description="Executions that succeeded, whenever they were accepted.")
    failed: int = Field(description="Executions that failed.")
    cancelled: int = Field(description="Executions that were cancelled.")
    timeout: int = Field(description="Executions that timed out, waiting or running.")
    elsewhere: int = Field(description="Ended or deleted by somebody's SQL, with whatever status.")
    mean_seconds: float | None = Field(
        description="Mean run time in seconds of those that ended after they had run; null of none."
    )


class MinuteCounts(Counts):
    """The same of one minute."""

    minute: datetime = Field(description="When it began.")


class ActionThroughput(BaseModel):
    """What came and what ended of one action."""

    action_ref: fields.ActionRef
    total_enqueued: fields.TotalEnqueued
    total_completed: fields.TotalCompleted
    pending: int = Field(description="Executions that wait or run.")
    completion_pct: float | None = Field(description="Of 100 accepted executions, how many have ended; null of none.")
    since: datetime = Field(
        description="From when on the figures tell of everything: an hour ago, or when counting began. A new leader"
        " reads the last hour back from the newest executions of the database."
    )
    last_5_minutes: Counts = Field(description="The five whole minutes before the present one, and that one so far.")
    last_hour: Counts = Field(description="The same of sixty.")
    minutes: list[MinuteCounts] | None = Field(
        description="With `action_ref`: minutes of the hour in which anything happened, the oldest first; else null."
    )


class ThroughputAnswer(BaseModel):
    """Actions by the number of executions that they ever accepted, the most first."""

    data: list[ActionThroughput] = Field(description="Every action, or the one that was asked for.")


def throughput_router(service: ExecutionService, guard: Guard) -> APIRouter:
    """``GET /api/v1/throughput``."""
    router = APIRouter(tags=["queues"])

    @router.get(
        THROUGHPUT,
        summary="What came and what ended in the last five minutes and the last hour, by action",
        response_model=ThroughputAnswer,
        responses={404: {"description": "Unknown action", "model": ErrorBody}},
    )
    async def throughput(
        request: Request,
        action_ref: Annotated[str | None, Query(description="Only this action, with its minutes.")] = None,
    ) -> dict[str, Any]:
        await guard.require(request, Verb.LIST if action_ref is None else Verb.GET, [action_ref])
        found = await service.throughput(action_ref)
        if action_ref is not None and not found:
            raise unknown_action(action_ref)
        return answer(found, minutes=action_ref is not None)

    return router


def answer(found: Sequence[Throughput], *, minutes: bool) -> dict[str, Any]:
    """Throughput as JSON data, with or without its minutes."""
    return {"data": [_action(each, minutes=minutes) for each in busiest_first(found)]}


def _action(each: Throughput, *, minutes: bool) -> dict[str, Any]:
    shown = [{"minute": moment(minute.start), **_counts(minute.tally)} for minute in each.minutes] if minutes else None
    return {
        "action_ref": each.action_ref,
        "total_enqueued": each.total_enqueued,
        "total_completed": each.total_completed,
        "pending": each.pending,
        "completion_pct": each.completion_pct,
        "since": moment(each.since),
        "last_5_minutes": _counts(each.recent),
        "last_hour": _counts(each.hour),
        "minutes": shown,
    }


def _counts(tally: Tally) -> dict[str, Any]:
    return {
        "accepted": tally.accepted,
        "succeeded": tally.succeeded,
        "failed": tally.failed,
        "cancelled": tally.cancelled,
        "timeout": tally.timeout,
        "elsewhere": tally.elsewhere,
        "mean_seconds": tally.mean_seconds,
    }
