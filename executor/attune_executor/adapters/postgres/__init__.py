"""PostgreSQL: schema ``attune``, the journal and the queue statistics."""

from attune_executor.adapters.postgres.journal import PostgresJournal
from attune_executor.adapters.postgres.migration import check_schema, migrate
from attune_executor.adapters.postgres.queue_stats import PostgresQueueStatsRepository

__all__ = ["PostgresJournal", "PostgresQueueStatsRepository", "check_schema", "migrate"]
