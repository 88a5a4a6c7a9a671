"""PostgreSQL: schema ``attune``, the journal, its history and the queue statistics."""

from attune_executor.adapters.postgres.growth import PostgresGrowth
from attune_executor.adapters.postgres.history import PostgresExecutionHistory
from attune_executor.adapters.postgres.journal import PostgresJournal
from attune_executor.adapters.postgres.locks import PostgresLocks
from attune_executor.adapters.postgres.maintenance import PostgresMaintenance
from attune_executor.adapters.postgres.membership import PostgresMembership
from attune_executor.adapters.postgres.queue_stats import PostgresQueueStatsRepository
from attune_executor.adapters.postgres.schema import check_schema

__all__ = [
    "PostgresExecutionHistory",
    "PostgresGrowth",
    "PostgresJournal",
    "PostgresLocks",
    "PostgresMaintenance",
    "PostgresMembership",
    "PostgresQueueStatsRepository",
    "check_schema",
]
