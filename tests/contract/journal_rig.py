"""What the contract suite of the journal needs of a world around the journal under test."""

from typing import Protocol

from attune_executor.domain.stats import QueueStats
from attune_executor.ports.journal import Journal, QueueStatsRepository


class JournalRig(Protocol):
    """One database's world."""

    async def journal(self) -> Journal:
        """Another executor's journal on the same database; it owns nothing yet."""
        ...

    def statistics(self, journal: Journal) -> QueueStatsRepository:
        """The statistics that belong to a journal of this rig."""
        ...

    async def stats_of(self, action_id: int) -> QueueStats | None:
        """The stored statistics of an action; ``load`` and ``action_ref`` are not stored and of no meaning."""
        ...

    async def end_by_operator(self, execution_id: int) -> None:
        """What the runbook's "Force Complete Stuck Executions" does."""
        ...

    async def disable(self, ref: str) -> None:
        """What the runbook's "Temporarily Disable Non-Critical Actions" does to one action."""
        ...

    async def orders(self, execution_id: int) -> tuple[int | None, int | None]:
        """First and latest dispatch of an execution: dispatch_order, publish_order."""
        ...

    async def close(self) -> None:
        """Close every journal."""
        ...
