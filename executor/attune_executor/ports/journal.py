"""The durable truth: what was accepted, dispatched and finished. Memory is a cache of it."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.lines import WaitingPlace
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.records import TurnRecord
from attune_executor.domain.restored import ActiveExecution, KnownAction, WaitingRun
from attune_executor.domain.stats import QueueStats


class JournalError(Exception):
    """The journal did not answer, or its answer is unknown: forget what is in memory and load again."""


class FencedError(JournalError):
    """Another owner has taken the shard: nothing was written, and nothing more may be."""


class SchemaError(JournalError):
    """The database's schema is not the one this program works with; the message says what to run."""


def waiting_runs(rows: Iterable[Any]) -> Sequence[WaitingRun]:
    """Rows of (action id, group key, execution id, queue order, created), in queue order, as a run for each line."""
    lines: dict[tuple[int, str | None], list[Any]] = {}
    for row in rows:
        lines.setdefault((row[0], row[1]), []).append(row)
    return [WaitingRun(*line, *list(zip(*found, strict=True))[2:]) for line, found in lines.items()]


class EndedElsewhere(NamedTuple):
    """An execution that was open and that someone else than the owner ended or deleted."""

    execution_id: int
    action_id: int
    group_key: str | None
    queue_order: int

    @property
    def place(self) -> WaitingPlace:
        """Where it waited, if it did."""
        return WaitingPlace(self.action_id, self.group_key, self.queue_order)


@dataclass(frozen=True, slots=True)
class OperatorChanges:
    """What an operator did by SQL: executions ended, and ``enabled`` by action id where it was turned."""

    ended: Sequence[EndedElsewhere] = ()
    enabled: Mapping[int, bool] = field(default_factory=dict[int, bool])


@dataclass(frozen=True, slots=True)
class Ownership:
    """The right to write a shard. ``publish_order`` and ``confirmed_order`` are where the last owner stood."""

    shard: int
    owner: str
    epoch: int
    publish_order: int
    confirmed_order: int


class StoredExecution(NamedTuple):
    """One execution as stored; times in Unix seconds, ``parameters`` and ``result`` JSON in UTF-8."""

    execution_id: int
    action_id: int
    action_ref: str
    status: ExecutionStatus
    queue_order: int
    attempt: int
    worker: str | None
    parameters: bytes
    result: bytes | None
    created: float
    started_at: float | None
    updated: float
    group_key: str | None = None

    @property
    def place(self) -> WaitingPlace:
        """Where it waits, if it does."""
        return WaitingPlace(self.action_id, self.group_key, self.queue_order)


class Committed(NamedTuple):
    """What the journal says of a turn that it has written.

    Attributes:
        parameters: of every ``TurnRecord.dispatched`` execution by id; one that is terminal already is left out.
        taken: accepted executions that were not written: another shard has used their idempotency keys meanwhile.
    """

    parameters: Mapping[int, bytes]
    taken: Collection[int] = ()


class Journal(Protocol):
    """One shard's journal. Every method raises JournalError when the database is away.

    ``actions``, ``waiting_executions`` and ``active_executions`` show the outcome of every earlier commit: one whose
    answer was lost is settled first, and where another owner has taken the shard meanwhile they raise FencedError.
    """

    async def acquire(self, owner: str, if_epoch: int | None = None) -> Ownership:
        """Take the shard over with the next epoch; from here on the previous owner can write nothing.

        Where ``if_epoch`` is given, only from that epoch, which is 0 before the first.

        Raises:
            FencedError: another owner was faster; nothing was taken.
        """
        ...

    async def release(self) -> None:
        """Give the shard back, for anyone to take at once; call when nothing more is to be written.

        Raises:
            FencedError: another owner has it already.
        """
        ...

    async def actions(self) -> Sequence[KnownAction]:
        """Every known action of the shard."""
        ...

    def waiting_executions(self) -> AsyncIterator[Sequence[WaitingRun]]:
        """Executions that wait, in batches that follow each other by action and then by queue order."""
        ...

    def active_executions(self) -> AsyncIterator[Sequence[ActiveExecution]]:
        """Executions that hold a slot, in batches, by action and then by queue order."""
        ...

    async def save_policies(self, policies: Mapping[str, QueuePolicy | None]) -> Mapping[str, int]:
        """Store policies by action (None: remove it), in one round trip, making the actions known; returns their ids.

        A removed policy stays known as the last one.

        Raises:
            FencedError: another owner has the shard; nothing was written.
        """
        ...

    async def reserve_ids(self, count: int) -> range:
        """A block of at least ``count`` execution ids, all above every block given out before."""
        ...

    async def find_idempotent(self, keys: Sequence[str]) -> Mapping[str, StoredExecution]:
        """The executions that were accepted under these idempotency keys."""
        ...

    async def commit(self, turn: TurnRecord) -> Committed:
        """Write one turn in one transaction, fenced by the epoch.

        No record changes an execution whose status is terminal.

        Raises:
            FencedError: another owner has the shard; nothing was written.
            JournalError: the outcome is unknown.
        """
        ...

    async def operator_changes(self) -> OperatorChanges:
        """What an operator did by SQL since the last time; told once, or found by loading again."""
        ...

    async def execution(self, execution_id: int) -> StoredExecution | None:
        """One execution, or None where the id is unknown."""
        ...


class QueueStatsRepository(Protocol):
    """Persists the statistics that the runbook's SQL reads from ``attune.queue_stats``."""

    async def save(self, stats: Sequence[QueueStats]) -> None:
        """Insert or replace these actions' rows, in one round trip."""
        ...
