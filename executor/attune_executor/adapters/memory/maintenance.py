"""Maintenance in memory, on the store that the journals share."""

from collections.abc import Sequence
from itertools import islice

from attune_executor.adapters.memory.growth import added
from attune_executor.adapters.memory.journal import MemoryJournal
from attune_executor.adapters.memory.store import QueueSnapshot
from attune_executor.domain.execution import TERMINAL, ExecutionStatus
from attune_executor.domain.growth import DayCount, day_of
from attune_executor.domain.maintenance import Task, TaskRun
from attune_executor.ports.journal import JournalError, StoredExecution
from attune_executor.ports.maintenance import Counted, Swept


class MemoryMaintenance:
    """The tasks on the store of ``journal``, as long as that one is the owner."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal
        self._store = journal.store

    async def last_run(self, task: Task) -> TaskRun | None:
        """The task's last run."""
        self._store.check_up()
        return self._store.maintenance.get(task)

    async def snapshot_queues(self, now: float, previous: TaskRun | None) -> TaskRun:
        """Copy what is busy."""
        self._check(Task.SNAPSHOT_QUEUES, previous)
        snapshots = [
            QueueSnapshot(now, stats.action_id, stats.queue_length, stats.active_count, stats.total_enqueued)
            for stats in self._store.stats.values()
            if stats.queue_length > 0 or stats.active_count > 0
        ]
        self._store.snapshots += snapshots
        return self._keep(TaskRun(Task.SNAPSHOT_QUEUES, now, 0.0, len(snapshots)))

    async def clean_queue_stats(self, before: float, now: float, previous: TaskRun | None) -> TaskRun:
        """Delete what is at rest."""
        self._check(Task.CLEAN_QUEUE_STATS, previous)
        gone = [
            stats
            for stats in self._store.stats.values()
            if stats.last_updated < before and stats.queue_length == 0 and stats.active_count == 0
        ]
        for stats in gone:
            del self._store.stats[stats.action_id]
            for action in self._store.actions.values():
                if action.action_id == stats.action_id:
                    action.total_rejected = max(action.total_rejected, stats.total_rejected)
        return self._keep(TaskRun(Task.CLEAN_QUEUE_STATS, now, 0.0, len(gone)))

    async def delete_snapshots(self, before: float, limit: int) -> int:
        """Delete one batch."""
        self._journal.check_owner()
        old = [snapshot for snapshot in self._store.snapshots if snapshot.snapshot_time < before][:limit]
        self._store.snapshots = [snapshot for snapshot in self._store.snapshots if snapshot not in old]
        return len(old)

    async def delete_executions(self, before: float, after_id: int, limit: int) -> Swept:
        """Delete one batch."""
        self._journal.check_owner()
        batch = list(islice((key for key in sorted(self._store.executions) if key > after_id), limit))
        rows = [self._store.executions[key].stored for key in batch]
        gone = [row for row in rows if row.status in TERMINAL and row.updated < before]
        for row in gone:
            del self._store.executions[row.execution_id]
            action = self._store.actions[row.action_ref]
            action.last_order = max(action.last_order, row.queue_order)
        old = any(row.created < before for row in rows)
        return Swept(len(batch), len(gone), batch[-1] if batch else after_id, old)

    async def uncounted(self, before: float) -> Sequence[int]:
        """Actions that have something to count."""
        self._store.check_up()
        return sorted({row.action_id for row in self._uncounted(None) if row.created < before})

    async def count_days(self, action_id: int, before: float, limit: int) -> Counted:
        """Count one batch."""
        self._journal.check_owner()
        batch = self._uncounted(action_id)[:limit]
        past = [row for row in batch if row.created < before]
        for row in past:
            key = day_of(row.created), action_id
            self._store.days[key] = added(self._store.days.get(key, DayCount(key[0])), _one(row))
            self._store.counted[action_id] = row.queue_order
        return Counted(len(past), more=len(past) == limit)

    async def delete_days(self, before: float, limit: int) -> int:
        """Delete one batch."""
        self._journal.check_owner()
        gone = sorted(key for key in self._store.days if key[0] < day_of(before))[:limit]
        for key in gone:
            del self._store.days[key]
        return len(gone)

    def _uncounted(self, action_id: int | None) -> list[StoredExecution]:
        rows = sorted((row.stored for row in self._store.executions.values()), key=lambda row: row.queue_order)
        return [
            row
            for row in rows
            if action_id in {None, row.action_id} and row.queue_order > self._store.counted.get(row.action_id, 0)
        ]

    async def record(self, run: TaskRun, previous: TaskRun | None) -> None:
        """Keep the run."""
        self._check(run.task, previous)
        self._keep(run)

    def _check(self, task: Task, previous: TaskRun | None) -> None:
        self._journal.check_owner()
        if self._store.maintenance.get(task) != previous:
            raise JournalError(f"{task} was run by another owner")

    def _keep(self, run: TaskRun) -> TaskRun:
        self._store.maintenance[run.task] = run
        return run


def _one(row: StoredExecution) -> DayCount:
    ended = row.status in TERMINAL
    succeeded, failed = row.status is ExecutionStatus.SUCCEEDED, row.status is ExecutionStatus.FAILED
    ran = ended and row.started_at is not None
    return DayCount(
        day_of(row.created),
        1,
        int(succeeded),
        int(failed),
        int(ended and not succeeded and not failed),
        int(not ended),
        row.updated - row.created if succeeded else 0.0,
        int(ran),
        max(0.0, row.updated - (row.started_at or 0.0)) if ran else 0.0,
    )
