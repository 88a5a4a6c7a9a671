"""What the contract suite of the journal needs of a world around the journal under test."""

from typing import Protocol

from attune_executor.domain.stats import QueueStats
from attune_executor.ports.journal import ActiveExecution, Journal, QueueStatsRepository, WaitingRun


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


async def waiting(journal: Journal) -> list[WaitingRun]:
    """What a new owner would put into its lines."""
    return [run async for runs in journal.waiting_executions() for run in runs]


async def active(journal: Journal) -> list[ActiveExecution]:
    """What a new owner would give a slot."""
    return [row async for batch in journal.active_executions() for row in batch]


async def open_ids(journal: Journal) -> list[int]:
    """Executions that are not terminal, ascending."""
    found = [execution_id for run in await waiting(journal) for execution_id in run.execution_ids]
    return sorted([*found, *(row.execution_id for row in await active(journal))])
