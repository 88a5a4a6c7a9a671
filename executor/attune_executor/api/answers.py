"""What the API answers with: models for the documentation, and the mapping from the domain's values."""

from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import BaseModel, Field

from attune_executor.api import fields
from attune_executor.domain.policy import Admission
from attune_executor.domain.stats import QueueStats
from attune_executor.domain.stuck import StuckExecution as StuckOne
from attune_executor.engine.views import ExecutionView
from attune_executor.ports import history


class Execution(BaseModel):
    """One execution."""

    id: fields.ExecutionId
    action_id: fields.ActionId
    action_ref: fields.ActionRef
    status: fields.Status
    parameters: dict[str, Any] = Field(description="As they were submitted.")
    result: Any = Field(description='Any JSON that the action returned, or `{"error": …}`; null until it has ended.')
    attempt: fields.Attempt
    worker: fields.RunningWorker
    created: fields.Created
    started_at: fields.StartedAt
    updated: fields.Updated
    queue_position: int | None = Field(
        description="While it waits: its place in its line, from 1 at the head; otherwise null."
    )
    estimated_start: datetime | None = Field(
        description="When it is expected to start: while it waits, once run times are known; otherwise null."
    )


class ExecutionAnswer(BaseModel):
    """One execution."""

    data: Execution = Field(description="The execution as it is now.")


class ListedExecution(BaseModel):
    """One execution without its parameters and its result."""

    id: fields.ExecutionId
    action_id: fields.ActionId
    action_ref: fields.ActionRef
    status: fields.Status
    attempt: fields.Attempt
    worker: fields.RunningWorker
    created: fields.Created
    started_at: fields.StartedAt
    updated: fields.Updated


class ExecutionsAnswer(BaseModel):
    """A page of executions."""

    data: list[ListedExecution] = Field(description="The page, in the order that was asked for.")
    next: int | None = Field(description="`after` for the next page; null on the last one.")


class StuckExecution(BaseModel):
    """An execution that holds a slot, and of which nothing was heard for long."""

    id: fields.ExecutionId
    action_ref: fields.ActionRef
    status: str = Field(description="scheduled where no worker has said that it runs, else running.")
    attempt: fields.Attempt
    pool: str = Field(description="The worker pool that it was dispatched to.")
    worker: str | None = Field(description="Who runs it or has it at hand; null where nobody is known to.")
    since: datetime = Field(description="When it was dispatched, or began to run.")
    last_heartbeat: datetime | None = Field(description="When that worker last answered; null where it does not.")
    held: bool = Field(description="Whether a worker named it in its last heartbeat.")
    cancelling: bool = Field(description="Whether its worker was told to stop it.")
    times_out_at: datetime | None = Field(description="When its execution timeout ends it; null where it has none.")


class StuckAnswer(BaseModel):
    """Executions that are stuck, the oldest first."""

    data: list[StuckExecution] = Field(description="At most `limit` of them; none where nothing is stuck.")


class Purged(BaseModel):
    """What a purge came to."""

    action_ref: fields.ActionRef
    cancelled: int = Field(description="Executions that will not run.")
    remaining: int = Field(description="How many of those that were meant wait still: go on with `up_to`.")
    up_to: int = Field(description="The queue order of the last that was meant.")


class PurgedAnswer(BaseModel):
    """What a purge came to."""

    data: Purged = Field(description="What it came to.")


class Queue(BaseModel):
    """One action's queue: the runbook's statistics."""

    action_id: fields.ActionId
    action_ref: fields.ActionRef
    queue_length: fields.Waiting
    active_count: fields.Active
    max_concurrent: int = Field(description="The limit on active executions in force; with `group_by`, each group's.")
    oldest_enqueued_at: datetime | None = Field(
        description="When the head of the queue was accepted; null where none waits."
    )
    total_enqueued: fields.TotalEnqueued
    total_completed: fields.TotalCompleted
    total_rejected: int = Field(description="Requests refused since the action was first known.")
    last_updated: datetime = Field(description="When anything in the queue last changed.")
    admission: Admission | None = Field(
        description="Whether new executions are taken and waiting ones start; null while the queue's owner is silent."
    )


class QueueAnswer(BaseModel):
    """One queue."""

    data: Queue = Field(description="The queue as it is now.")


class QueuesAnswer(BaseModel):
    """Every queue."""

    data: list[Queue] = Field(description="All that are known, by the name of their action.")


def queue(stats: QueueStats) -> dict[str, Any]:
    """A queue as JSON data."""
    return {
        "action_id": stats.action_id,
        "action_ref": stats.action_ref,
        "queue_length": stats.queue_length,
        "active_count": stats.active_count,
        "max_concurrent": stats.max_concurrent,
        "oldest_enqueued_at": moment(stats.oldest_enqueued_at),
        "total_enqueued": stats.total_enqueued,
        "total_completed": stats.total_completed,
        "total_rejected": stats.total_rejected,
        "last_updated": moment(stats.last_updated),
        "admission": stats.admission,
    }


def execution(view: ExecutionView, now: float) -> dict[str, Any]:
    """An execution as JSON data; parameters and result are embedded as the JSON they are."""
    stored = view.stored
    wait = view.estimated_start_seconds
    return {
        "id": stored.execution_id,
        "action_id": stored.action_id,
        "action_ref": stored.action_ref,
        "status": stored.status.value,
        "parameters": orjson.Fragment(stored.parameters),
        "result": None if stored.result is None else orjson.Fragment(stored.result),
        "attempt": stored.attempt,
        "worker": stored.worker,
        "created": moment(stored.created),
        "started_at": moment(stored.started_at),
        "updated": moment(stored.updated),
        "queue_position": view.queue_position,
        "estimated_start": None if wait is None else moment(now + wait),
    }


def listed(item: history.ListedExecution) -> dict[str, Any]:
    """A listed execution as JSON data."""
    return {
        "id": item.execution_id,
        "action_id": item.action_id,
        "action_ref": item.action_ref,
        "status": item.status.value,
        "attempt": item.attempt,
        "worker": item.worker,
        "created": moment(item.created),
        "started_at": moment(item.started_at),
        "updated": moment(item.updated),
    }


def stuck(item: StuckOne) -> dict[str, Any]:
    """A stuck execution as JSON data."""
    return {
        "id": item.execution_id,
        "action_ref": item.action_ref,
        "status": item.status.value,
        "attempt": item.attempt,
        "pool": item.pool,
        "worker": item.worker,
        "since": moment(item.since),
        "last_heartbeat": moment(item.last_heartbeat),
        "held": item.held,
        "cancelling": item.cancelling,
        "times_out_at": moment(item.times_out_at),
    }


def moment(unix_seconds: float | None) -> str | None:
    """ISO 8601 in UTC."""
    return None if unix_seconds is None else datetime.fromtimestamp(unix_seconds, UTC).isoformat()
