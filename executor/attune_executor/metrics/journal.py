"""A journal that is measured: what was asked, how long it took, whether it was answered."""

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from time import monotonic
from typing import TypeVar

from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.records import TurnRecord
from attune_executor.metrics.meter import ExecutorMeter
from attune_executor.ports.journal import (
    ActiveExecution,
    Committed,
    FencedError,
    Journal,
    JournalError,
    KnownAction,
    OperatorChanges,
    Ownership,
    StoredExecution,
    WaitingRun,
)

T = TypeVar("T")


class MeasuredJournal:
    """The journal behind it, and a meter that hears of every exchange."""

    def __init__(self, journal: Journal, meter: ExecutorMeter) -> None:
        self._journal = journal
        self._meter = meter

    async def acquire(self, owner: str, if_epoch: int | None = None) -> Ownership:
        """Take the shard over."""
        return await self._answer(self._journal.acquire(owner, if_epoch))

    async def release(self) -> None:
        """Give the shard back."""
        await self._answer(self._journal.release())

    async def actions(self) -> Sequence[KnownAction]:
        """Every known action."""
        return await self._answer(self._journal.actions())

    def waiting_executions(self) -> AsyncIterator[Sequence[WaitingRun]]:
        """Executions that wait; what goes wrong with reading them is seen by the questions before and after."""
        return self._journal.waiting_executions()

    def active_executions(self) -> AsyncIterator[Sequence[ActiveExecution]]:
        """Executions that hold a slot, likewise."""
        return self._journal.active_executions()

    async def save_policies(self, policies: Mapping[str, QueuePolicy | None]) -> Mapping[str, int]:
        """Store policies."""
        return await self._answer(self._journal.save_policies(policies))

    async def reserve_ids(self, count: int) -> range:
        """A block of execution ids."""
        return await self._answer(self._journal.reserve_ids(count))

    async def find_idempotent(self, keys: Sequence[str]) -> Mapping[str, StoredExecution]:
        """The executions that were accepted under these keys."""
        return await self._answer(self._journal.find_idempotent(keys))

    async def commit(self, turn: TurnRecord) -> Committed:
        """Write one turn."""
        began = monotonic()
        committed = await self._answer(self._journal.commit(turn))
        self._meter.committed(turn, monotonic() - began)
        return committed

    async def operator_changes(self) -> OperatorChanges:
        """What an operator did by SQL."""
        return await self._answer(self._journal.operator_changes())

    async def execution(self, execution_id: int) -> StoredExecution | None:
        """One execution."""
        return await self._answer(self._journal.execution(execution_id))

    async def _answer(self, question: Awaitable[T]) -> T:
        try:
            answer = await question
        except FencedError:
            # That is an answer.
            self._meter.database.succeeded()
            raise
        except JournalError as error:
            self._meter.database.failed(str(error))
            self._meter.journal_errors += 1
            raise
        self._meter.database.succeeded()
        return answer
