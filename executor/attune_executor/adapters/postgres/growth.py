"""Growth from PostgreSQL, on a connection of its own: readers never wait with the engine's."""

from datetime import date
from typing import Final, Self

import asyncpg

from attune_executor.adapters.postgres.connection import away_is_journal_error, open_pool
from attune_executor.adapters.postgres.statements import statement
from attune_executor.credentials import ServerUrl
from attune_executor.domain.growth import CountedDays, DayCount, Snapshot, SnapshotRow, day_of
from attune_executor.domain.maintenance import Task

_COMMAND_SECONDS: Final = 10.0


class PostgresGrowth:
    """Implements `attune_executor.ports.growth.GrowthHistory`; made by ``open``, to be closed at the end."""

    def __init__(self, readers: asyncpg.Pool) -> None:
        self._readers = readers

    @classmethod
    async def open(cls, url: ServerUrl) -> Self:
        """On the database at ``url``; it connects when first used."""
        options = {"application_name": "attune-executor growth"}
        with away_is_journal_error("opening the growth"):
            return cls(await open_pool(url, 1, options, _COMMAND_SECONDS, max_inactive_connection_lifetime=30))

    async def close(self) -> None:
        """Close the connection; what runs on it is given up."""
        self._readers.terminate()

    async def days(self, first: date, action_id: int | None) -> CountedDays:
        """The days from ``first`` on, of one action or of all together."""
        with away_is_journal_error("reading the growth by day"):
            async with self._readers.acquire(timeout=_COMMAND_SECONDS) as connection:
                run = await connection.fetchrow(statement("maintenance_last_run"), Task.COUNT_DAYS)
                # Before the days: what is counted meanwhile is counted twice for once rather than left out.
                counted = await connection.fetch(statement("counted_executions"))
                days = await connection.fetch(statement("execution_days"), first, action_id)
        return CountedDays(
            None if run is None else day_of(run["started_at"]),
            [DayCount(*row) for row in days],
            {row["action"]: row["last_order"] for row in counted},
        )

    async def snapshot(self, nearest: float, earliest: float, latest: float) -> Snapshot | None:
        """The snapshot taken nearest to a moment."""
        with away_is_journal_error("reading the snapshots"):
            async with self._readers.acquire(timeout=_COMMAND_SECONDS) as connection:
                rows = await connection.fetch(statement("nearest_snapshot"), nearest, earliest, latest)
        if not rows:
            return None
        queues = {
            row["action_id"]: SnapshotRow(row["queue_length"], row["active_count"], row["total_enqueued"])
            for row in rows
        }
        return Snapshot(rows[0]["taken_at"], queues)
