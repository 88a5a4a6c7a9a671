"""Maintenance in PostgreSQL: on a connection of its own, where it holds up nobody but itself."""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final, Self

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from attune_executor.adapters.postgres.connection import away_is_journal_error, open_pool
from attune_executor.adapters.postgres.shard_writer import Fence
from attune_executor.adapters.postgres.statements import statement
from attune_executor.credentials import ServerUrl
from attune_executor.domain.maintenance import Task, TaskRun
from attune_executor.ports.journal import JournalError
from attune_executor.ports.maintenance import Counted, Swept

_COMMAND_SECONDS: Final = 60.0
# Nothing here needs to survive the server's crash that what comes after it does not need too, so nobody waits for the
# disk, which the turns do. The statements are meant to go through indexes, whatever the planner believes of the tables.
_SESSION: Final = {
    "application_name": "attune-executor maintenance",
    "synchronous_commit": "off",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "statement_timeout": str(round(_COMMAND_SECONDS * 1000)),
}


class PostgresMaintenance:
    """The tasks, as long as ``fence`` is the shard's. Made by ``open``; ``close`` it at the end."""

    def __init__(self, connections: asyncpg.Pool, fence: Callable[[], Fence]) -> None:
        self._connections = connections
        self._fence = fence

    @classmethod
    async def open(cls, url: ServerUrl, fence: Callable[[], Fence]) -> Self:
        """Maintenance of the database at ``url``; it connects when there is something to do."""
        with away_is_journal_error("opening maintenance"):
            connections = await open_pool(url, 1, _SESSION, _COMMAND_SECONDS, max_inactive_connection_lifetime=30)
        return cls(connections, fence)

    def close(self) -> None:
        """Close the connection; what runs on it is given up."""
        self._connections.terminate()

    async def last_run(self, task: Task) -> TaskRun | None:
        """The task's row."""
        with away_is_journal_error("reading the last run of maintenance"):
            row = await self._connections.fetchrow(statement("maintenance_last_run"), task)
        return None if row is None else TaskRun(task, row["started_at"], row["seconds"], row["rows"])

    async def snapshot_queues(self, now: float, previous: TaskRun | None) -> TaskRun:
        """Copy what is busy, at the server's time."""
        return await self._once(Task.SNAPSHOT_QUEUES, now, previous, "snapshot_queues")

    async def clean_queue_stats(self, before: float, now: float, previous: TaskRun | None) -> TaskRun:
        """Delete what is at rest."""
        return await self._once(Task.CLEAN_QUEUE_STATS, now, previous, "clean_queue_stats", before)

    async def delete_snapshots(self, before: float, limit: int) -> int:
        """Delete one batch."""
        row = await self._fenced("deleting old snapshots", "delete_snapshots", before, limit)
        return int(row["deleted"])

    async def delete_executions(self, before: float, after_id: int, limit: int) -> Swept:
        """Delete one batch."""
        row = await self._fenced("deleting old executions", "delete_executions", before, after_id, limit)
        return Swept(row["scanned"], row["deleted"], row["last_id"] or after_id, row["old"])

    async def uncounted(self, before: float) -> Sequence[int]:
        """Actions that have something to count."""
        with away_is_journal_error("looking for what is to be counted"):
            return [row["id"] for row in await self._connections.fetch(statement("uncounted_actions"), before)]

    async def count_days(self, action_id: int, before: float, limit: int) -> Counted:
        """Count one batch."""
        row = await self._fenced("counting the days", "count_days", action_id, before, limit)
        return Counted(row["counted"], row["more"])

    async def delete_days(self, before: float, limit: int) -> int:
        """Delete one batch."""
        row = await self._fenced("deleting old days", "delete_days", before, limit)
        return int(row["deleted"])

    async def record(self, run: TaskRun, previous: TaskRun | None) -> None:
        """Write the task's row."""
        with away_is_journal_error("recording maintenance"):
            async with self._connections.acquire() as connection:
                await self._record(connection, run, previous)

    async def _once(self, task: Task, now: float, previous: TaskRun | None, name: str, *arguments: object) -> TaskRun:
        with away_is_journal_error(f"maintenance ({task})"):
            async with self._connections.acquire() as connection, connection.transaction():
                begun = monotonic()
                outcome = await connection.execute(statement(name), *arguments)
                run = TaskRun(task, now, monotonic() - begun, int(outcome.rpartition(" ")[2]))
                await self._record(connection, run, previous)
        return run

    async def _record(self, connection: PoolConnectionProxy, run: TaskRun, previous: TaskRun | None) -> None:
        fence = self._fence()
        recorded = await connection.fetchval(
            statement("maintenance_record"),
            fence.shard,
            fence.claim,
            fence.epoch,
            run.task,
            run.started_at,
            run.seconds,
            run.rows,
            None if previous is None else previous.started_at,
        )
        if recorded is None:
            raise JournalError(f"shard {fence.shard} is not ours at present, or {run.task} was run by another owner")

    async def _fenced(self, doing: str, name: str, *arguments: object) -> asyncpg.Record:
        fence = self._fence()
        with away_is_journal_error(doing):
            row = await self._connections.fetchrow(statement(name), fence.shard, fence.claim, fence.epoch, *arguments)
        if row is None:
            raise JournalError(f"{doing}: shard {fence.shard} is not ours at present")
        return row
