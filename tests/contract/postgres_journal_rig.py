"""The journal in PostgreSQL, for its contract suite."""

import asyncpg

from attune_executor.adapters.postgres import PostgresJournal
from attune_executor.domain.stats import Load, QueueStats
from attune_executor.ports.journal import Journal, QueueStatsRepository

READ_STATS = """
SELECT queue_length, active_count, max_concurrent, extract(epoch FROM oldest_enqueued_at)::float8 AS oldest,
       total_enqueued, total_completed, total_rejected, extract(epoch FROM last_updated)::float8 AS last_updated
FROM attune.queue_stats WHERE action_id = $1
"""


class PostgresJournalRig:
    """Journals on one database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._journals: list[PostgresJournal] = []

    async def journal(self) -> Journal:
        journal = await PostgresJournal.open(self._url)
        self._journals.append(journal)
        return journal

    def statistics(self, journal: Journal) -> QueueStatsRepository:
        assert isinstance(journal, PostgresJournal)
        return journal.queue_stats()

    async def stats_of(self, action_id: int) -> QueueStats | None:
        row = await self._fetchrow(READ_STATS, action_id)
        if row is None:
            return None
        return QueueStats(
            action_id,
            "",
            row["queue_length"],
            row["active_count"],
            row["max_concurrent"],
            row["oldest"],
            row["total_enqueued"],
            row["total_completed"],
            row["total_rejected"],
            row["last_updated"],
            Load(0.0, None),
        )

    async def end_by_operator(self, execution_id: int) -> None:
        await self._fetchrow(
            "UPDATE attune.execution SET status = 'failed', result = '{\"error\": \"by hand\"}', updated = NOW()"
            " WHERE id = $1",
            execution_id,
        )

    async def disable(self, ref: str) -> None:
        await self._fetchrow("UPDATE attune.action SET enabled = false WHERE ref = $1", ref)

    async def orders(self, execution_id: int) -> tuple[int | None, int | None]:
        row = await self._fetchrow(
            "SELECT dispatch_order, publish_order FROM attune.execution WHERE id = $1", execution_id
        )
        assert row is not None
        return row["dispatch_order"], row["publish_order"]

    async def close(self) -> None:
        for journal in self._journals:
            await journal.close()

    async def _fetchrow(self, sql: str, *arguments: object) -> asyncpg.Record | None:
        connection = await asyncpg.connect(self._url)
        try:
            return await connection.fetchrow(sql, *arguments)
        finally:
            await connection.close()
