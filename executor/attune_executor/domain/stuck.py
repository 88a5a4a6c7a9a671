"""Which executions have shown no sign of life for long: the runbook's "Identify Stuck Executions", from memory."""

from collections.abc import Iterable, Mapping
from heapq import nsmallest
from typing import NamedTuple

from attune_executor.domain.active import Active
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.worker_pools import WorkerPools


class StuckQuery(NamedTuple):
    """Which executions to look for.

    Attributes:
        older_than_seconds: since they were dispatched or began to run, as `attune.execution.updated` tells.
        action_ref: only those of one action.
        limit: entries of the answer, the oldest first.
    """

    older_than_seconds: float
    action_ref: str | None = None
    limit: int = 100


class StuckExecution(NamedTuple):
    """An execution that holds a slot and that nothing was heard of for long; times in Unix seconds.

    Attributes:
        status: scheduled where no worker has said that it runs, else running.
        attempt: the one that is under way, from 1.
        pool: the workers that it was dispatched to.
        worker: who runs it, or has it at hand; None where nobody is known to.
        since: when it was dispatched, or began to run.
        last_heartbeat: when that worker last answered a roll call; None where it does not.
        held: whether the worker named it then.
        cancelling: whether its worker was told to stop it.
        times_out_at: when its policy's execution timeout ends it; None where it has none, or it does not run.
    """

    execution_id: int
    action_ref: str
    status: ExecutionStatus
    attempt: int
    pool: str
    worker: str | None
    since: float
    last_heartbeat: float | None
    held: bool
    cancelling: bool
    times_out_at: float | None


def stuck_executions(
    active: Mapping[int, Active], pools: WorkerPools, query: StuckQuery, now: float
) -> list[StuckExecution]:
    """Those without a sign of life, the oldest first; what waits to be retried is expected to be silent.

    Costs a look at each execution that holds a slot, however many wait.
    """
    before = now - query.older_than_seconds
    silent = (
        (each.updated, execution_id)
        for execution_id, each in active.items()
        if each.updated < before and each.retry_at is None and query.action_ref in {None, each.queue.ref}
    )
    return [_stuck(execution_id, active[execution_id], pools) for _, execution_id in nsmallest(query.limit, silent)]


def oldest(executions: Iterable[StuckExecution], limit: int) -> list[StuckExecution]:
    """The first ``limit`` of several answers together."""
    return nsmallest(limit, executions, key=lambda each: (each.since, each.execution_id))


def _stuck(execution_id: int, active: Active, pools: WorkerPools) -> StuckExecution:
    holder = next((name for name, each in active.pool.workers.items() if execution_id in each.held), None)
    worker = active.worker or holder
    timeout = active.queue.policy.execution_timeout_seconds
    return StuckExecution(
        execution_id,
        active.queue.ref,
        ExecutionStatus.RUNNING if active.started else ExecutionStatus.SCHEDULED,
        active.attempt,
        active.pool.name,
        worker,
        active.updated,
        None if worker is None else pools.heard_at(worker),
        holder is not None,
        active.cancel_at is not None,
        active.since + timeout if active.started and timeout is not None else None,
    )
