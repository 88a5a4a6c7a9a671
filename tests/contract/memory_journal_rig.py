"""The journal in memory, for its contract suite."""

from attune_executor.adapters.memory import JournalStore, MemoryJournal, MemoryQueueStatsRepository
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.stats import QueueStats
from attune_executor.ports.journal import Journal, QueueStatsRepository


class MemoryJournalRig:
    """Journals that share a store."""

    def __init__(self) -> None:
        self._store = JournalStore()

    async def journal(self) -> Journal:
        return MemoryJournal(self._store)

    def statistics(self, journal: Journal) -> QueueStatsRepository:
        assert isinstance(journal, MemoryJournal)
        return MemoryQueueStatsRepository(journal.store)

    async def stats_of(self, action_id: int) -> QueueStats | None:
        return self._store.stats.get(action_id)

    async def end_by_operator(self, execution_id: int) -> None:
        self._store.end(execution_id, ExecutionStatus.FAILED, b'{"error": "manually failed"}')

    async def disable(self, ref: str) -> None:
        self._store.enable(ref, False)

    async def orders(self, execution_id: int) -> tuple[int | None, int | None]:
        row = self._store.executions[execution_id]
        return row.dispatch_order, row.publish_order

    async def close(self) -> None:
        """There is nothing to close."""
