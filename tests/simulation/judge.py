"""What must hold at every commit, publish, acknowledgement and answer, and what must have come of it all."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import inf

from attune_executor.adapters.memory import JournalStore
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.records import Finished, TurnRecord
from attune_executor.domain.submission import Receipt
from attune_executor.ports.broker import Dispatch
from simulation.endings import Endings
from unit.domain.machine.ledger import Action, Ledger


@dataclass(slots=True)
class Run:
    """A worker ran an execution."""

    execution_id: int
    attempt: int
    worker: str
    began: float
    ended: float = inf


class Judge:
    """Sees everything. Every ``assert`` is a promise of the executor."""

    def __init__(self, store: JournalStore, clock: Callable[[], float]) -> None:
        self._store = store
        self.now = clock
        self.ledger = Ledger({})
        self.runs: list[Run] = []
        self.violation: AssertionError | None = None
        self._ended_at: dict[int, float] = {}
        self._by_operator: set[int] = set()
        self.endings = Endings(self.ledger, store, self._by_operator)
        self._limits: dict[str, int] = defaultdict(int)
        self._ids_by_key: dict[str, int] = {}

    def policy_saved(self, ref: str, action_id: int, policy: QueuePolicy | None) -> None:
        assert policy is not None
        self._limits[ref] = max(self._limits[ref], policy.concurrency)
        action = self.ledger.actions.get(ref)
        if action is None:
            action = self.ledger.actions[ref] = Action(action_id, policy)
        action.change(policy, self.now())

    def committed(self, owner: str, record: TurnRecord, decided_at: float) -> None:
        """A turn of this executor is in the journal."""
        with self:
            for row in record.accepted:
                if row.idempotency_key is not None:
                    first = self._ids_by_key.setdefault(row.idempotency_key, row.execution_id)
                    assert first == row.execution_id, f"two executions for the key {row.idempotency_key}"
            self.endings.committed(owner, record)
            # What an operator has ended the journal leaves alone, whatever a turn says that was decided before.
            self.ledger.apply(_without(record, self._by_operator), decided_at)
            self.ledger.turn_over()
            for row in record.finished:
                self._ended_at.setdefault(row.execution_id, self.now())

    def ended_by_operator(self, execution_id: int, status: ExecutionStatus) -> None:
        self._by_operator.add(execution_id)
        self._ended_at.setdefault(execution_id, self.now())
        self.ledger.told(execution_id, status)

    def published(self, dispatch: Dispatch) -> None:
        """An execution is on its way to the workers."""
        with self:
            fate = self.ledger.fates.get(dispatch.execution_id)
            assert fate is not None, "published before it was committed"
            assert fate.attempt >= dispatch.attempt, "published before it was committed"

    def acknowledged(self, finished: Iterable[Finished]) -> None:
        """The broker forgets what a worker reported."""
        with self:
            for row in finished:
                fate = self.ledger.fates[row.execution_id]
                heeded = fate.status is not None or fate.attempt > row.attempt or fate.postponed_until is not None
                assert heeded, "acknowledged before it was committed"

    def answered(self, key: str, receipt: Receipt) -> None:
        """A client was told that its execution is safe."""
        with self:
            row = self._store.executions.get(receipt.execution_id)
            assert row is not None, "answered before it was committed"
            assert row.idempotency_key == key, "the receipt of another execution"

    def all_has_ended(self) -> bool:
        return all(fate.status is not None for fate in self.ledger.fates.values())

    def conclude(self) -> None:
        """After everything is over."""
        if self.violation is not None:
            raise self.violation
        for fate in self.ledger.fates.values():
            stored = self._store.executions[fate.execution_id].stored
            assert fate.status is not None, f"execution {fate.execution_id} never ends: {stored.status}"
            assert stored.status is fate.status, "its status has changed after its end"
        self.endings.conclude({run.execution_id for run in self.runs})
        self._judge_overlap()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        # The engine dies of what is raised in its call; what counts is raised at the end, by the simulation itself.
        if isinstance(error, AssertionError) and self.violation is None:
            self.violation = error

    def _judge_overlap(self) -> None:
        """Distinct executions of a group at once, as the workers saw it; what runs on after its end is stale."""
        edges: dict[tuple[str, str | None], list[tuple[float, int, int]]] = defaultdict(list)
        for run in self.runs:
            fate = self.ledger.fates[run.execution_id]
            ended = min(run.ended, self._ended_at[run.execution_id])
            if ended > run.began:
                edges[fate.ref, fate.key] += [(run.began, 1, run.execution_id), (ended, -1, run.execution_id)]
        for (ref, key), changes in edges.items():
            running: dict[int, int] = defaultdict(int)
            for at, change, execution_id in sorted(changes):
                running[execution_id] += change
                if not running[execution_id]:
                    del running[execution_id]
                assert len(running) <= self._limits[ref], f"{ref} {key}: {sorted(running)} run at once at {at:.3f}"


def _without(record: TurnRecord, ids: set[int]) -> TurnRecord:
    if not ids:
        return record
    return replace(
        record,
        dispatched=[row for row in record.dispatched if row.execution_id not in ids],
        postponed=[row for row in record.postponed if row.execution_id not in ids],
        started=[row for row in record.started if row.execution_id not in ids],
        finished=[row for row in record.finished if row.execution_id not in ids],
        cancelling=[execution_id for execution_id in record.cancelling if execution_id not in ids],
    )
