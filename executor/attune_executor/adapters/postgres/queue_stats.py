"""The table that the runbook's queries read."""

from collections.abc import Sequence

import asyncpg

from attune_executor.adapters.postgres.connection import away_is_journal_error
from attune_executor.adapters.postgres.rows import stats_columns
from attune_executor.adapters.postgres.shard_writer import ShardWriter
from attune_executor.adapters.postgres.statements import statement
from attune_executor.domain.stats import QueueStats


class PostgresQueueStatsRepository:
    """Writes ``attune.queue_stats`` beside the turns, on a connection of its own, while ``writer`` owns the shard."""

    def __init__(self, pool: asyncpg.Pool, writer: ShardWriter) -> None:
        self._pool = pool
        self._writer = writer

    async def save(self, stats: Sequence[QueueStats]) -> None:
        """Insert or replace these actions' rows.

        Raises:
            JournalError: not saved, or not known to be.
        """
        fence = self._writer.fence
        with away_is_journal_error("saving the queue statistics"):
            await self._pool.execute(
                statement("save_queue_stats"), fence.shard, fence.claim, fence.epoch, *stats_columns(stats)
            )
