"""The ports in memory: for tests of what lies above them. They pass the contract suites of the real adapters."""

from attune_executor.adapters.memory.authorizer import MemoryAuthorizer
from attune_executor.adapters.memory.broker import MemoryBroker
from attune_executor.adapters.memory.clock import ManualClock
from attune_executor.adapters.memory.growth import MemoryGrowth
from attune_executor.adapters.memory.history import MemoryExecutionHistory
from attune_executor.adapters.memory.journal import MemoryJournal, MemoryQueueStatsRepository
from attune_executor.adapters.memory.load_history import MemoryLoadHistory
from attune_executor.adapters.memory.maintenance import MemoryMaintenance
from attune_executor.adapters.memory.membership import MemoryMembership
from attune_executor.adapters.memory.store import JournalStore

__all__ = [
    "JournalStore",
    "ManualClock",
    "MemoryAuthorizer",
    "MemoryBroker",
    "MemoryExecutionHistory",
    "MemoryGrowth",
    "MemoryJournal",
    "MemoryLoadHistory",
    "MemoryMaintenance",
    "MemoryMembership",
    "MemoryQueueStatsRepository",
]
