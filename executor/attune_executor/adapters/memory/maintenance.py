"""Maintenance in memory, on the store that the journals share."""

from itertools import islice

from attune_executor.adapters.memory.journal import MemoryJournal, QueueSnapshot
from attune_executor.domain.execution import TERMINAL
from attune_executor.domain.maintenance import Task, TaskRun
from attune_executor.ports.journal import JournalError
from attune_executor.ports.maintenance import Swept


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
