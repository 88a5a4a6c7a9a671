"""A manager, a journal in memory, and the ledger and fleet that judge them: turns as the engine takes them.

Commands of one turn are applied in the engine's order; one that comes too late for the open turn begins another. A
turn is committed, or lost before it was written, or written without an answer: then the manager is thrown away.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import TYPE_CHECKING, Any, TypeVar

from attune_executor.adapters.memory import JournalStore, MemoryJournal
from attune_executor.domain.execution import TERMINAL
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.queue_manager import ExecutionQueueManager, Patience
from attune_executor.domain.records import Accepted
from attune_executor.engine.rebuild import rebuild
from unit.domain.machine import checks
from unit.domain.machine.fleet import Fleet
from unit.domain.machine.ledger import Action, Ledger

if TYPE_CHECKING:
    from attune_executor.domain.emergency import Emergency

_Result = TypeVar("_Result")


class Phase(IntEnum):
    """Where the engine's turn stands."""

    ROLL_CALL = auto()
    POLICIES = auto()
    EMERGENCY = auto()
    OPERATOR = auto()
    REPORTS = auto()
    ENDS = auto()
    PURGES = auto()
    REQUESTS = auto()


class Fate(IntEnum):
    """What becomes of a turn's commit."""

    ANSWERED = auto()
    LOST = auto()
    UNANSWERED = auto()


@dataclass(slots=True)
class OpenTurn:
    """The turn that gathers commands."""

    waiting_before: dict[str, int]
    phase: Phase = Phase.ROLL_CALL
    accepted: list[Accepted] = field(default_factory=list[Accepted])
    refused_full: set[str] = field(default_factory=set[str])
    touched: dict[int, int] = field(default_factory=dict[int, int])
    """How often each execution was spoken of."""
    expectations: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def touch(self, execution_id: int) -> None:
        self.touched[execution_id] = self.touched.get(execution_id, 0) + 1

    def expect(self, execution_id: int, expected: Callable[[], None]) -> None:
        """Of the commit, unless the execution is spoken of again before."""
        times = self.touched[execution_id]
        self.expectations.append(lambda: None if self.touched[execution_id] > times else expected())


class Rig:
    """All of them together, at ``now``."""

    def __init__(self, policies: dict[str, QueuePolicy]) -> None:
        self.now = 1_000_000.0
        self.store = JournalStore()
        self.journal = MemoryJournal(self.store)
        self.patience = Patience()
        self.emergency: Emergency | None = None
        self.fleet = Fleet()
        self.confirmed_order = 0
        self.next_id = 1
        at_once(self.journal.acquire("first"))
        ids = at_once(self.journal.save_policies(policies))
        self.ledger = Ledger({ref: Action(ids[ref], policy) for ref, policy in policies.items()})
        for action in self.ledger.actions.values():
            if action.policy.rate_limit is not None:
                action.widest_rate_window = action.policy.rate_limit.window_seconds
        self.manager = ExecutionQueueManager(0, self.patience)
        for ref, policy in policies.items():
            self.manager.set_policy(ids[ref], ref, policy, self.now)
        self.turn = self._new_turn()

    def enter(self, phase: Phase) -> OpenTurn:
        """The turn that takes a command of this phase."""
        if phase < self.turn.phase:
            self.close()
        if self.turn.phase <= Phase.REPORTS < phase:
            self.manager.advance(self.now)
        self.turn.phase = phase
        return self.turn

    def wait(self, seconds: float) -> None:
        """Let time pass, and what comes due happen."""
        self.close()
        self.now += seconds
        self.close()

    def close(self, fate: Fate = Fate.ANSWERED) -> None:
        """End the turn."""
        turn = self.enter(Phase.REQUESTS)
        active_before = len(self.ledger.active())
        decision = self.manager.close_turn(self.confirmed_order, self.now)
        if fate is Fate.LOST:
            self.rebuild()
            return
        parameters, _ = at_once(self.journal.commit(decision.record))
        pools = self.ledger.apply(decision.record, self.now)
        self.ledger.handed_over(decision.handoffs)
        checks.decision_is_carried_out(decision, self.ledger)
        assert pools or len(self.ledger.active()) <= active_before, "more are active, and none was dispatched"
        for pool in pools:
            assert self.fleet.room(pool, self.ledger) >= 0, "more is dispatched than the workers of the pool take"
        self._judge_lengths(turn)
        for expected in turn.expectations:
            expected()
        if fate is Fate.UNANSWERED:
            self.rebuild()
            return
        self._judge_receipts(turn.accepted)
        self.turn = self._new_turn()
        gone = [
            handoff.execution_id
            for handoff in decision.handoffs
            if handoff.parameters is None and handoff.execution_id not in parameters
        ]
        for execution_id in gone:
            assert self.manager.notify_ended_elsewhere(execution_id, self.now)
            self.operator_ended(execution_id)
        if gone:
            self.close()
        else:
            self.judge()

    def rebuild(self) -> None:
        """Another manager takes over from the journal."""
        ownership = at_once(self.journal.acquire("next"))
        self.confirmed_order = ownership.confirmed_order
        self.manager = at_once(
            rebuild(
                self.journal,
                publish_order=ownership.publish_order,
                confirmed_order=ownership.confirmed_order,
                now=self.now,
                patience=self.patience,
            )
        )
        self.manager.set_emergency(self.emergency)
        self.fleet.forget()
        for execution_id, row in self.store.executions.items():
            if row.stored.status in TERMINAL:
                self.ledger.told(execution_id, row.stored.status)
        for ref, action in self.store.actions.items():
            self.ledger.actions[ref].enabled = action.enabled
        self.ledger.rebuilt(self.now)
        self.turn = self._new_turn()
        self.close()

    def operator_ended(self, execution_id: int) -> None:
        """The manager has been told of an execution that the operator ended."""
        self.ledger.told(execution_id, self.store.executions[execution_id].stored.status)

    def judge(self) -> None:
        """The state between two turns."""
        checks.counts_agree(self.manager, self.ledger, self.now)
        checks.nothing_idles(self.manager, self.ledger, self.fleet, self.now)
        checks.nothing_overstays(self.manager, self.ledger, self.now)

    def limit(self, ref: str) -> int:
        """How many may wait."""
        length = self.ledger.actions[ref].policy.max_queue_length
        return length if self.emergency is None else max(length, self.emergency.max_queue_length)

    def _judge_lengths(self, turn: OpenTurn) -> None:
        for ref, before in turn.waiting_before.items():
            waiting = len(self.ledger.waiting(ref))
            assert waiting <= max(self.limit(ref), before), "more wait than may"
            assert ref not in turn.refused_full or waiting >= self.limit(ref), "refused though there is a place"

    def _judge_receipts(self, accepted: Sequence[Accepted]) -> None:
        for row in accepted:
            receipt = self.manager.receipt(row)
            fate = self.ledger.fates[row.execution_id]
            ahead = sum(other.order <= fate.order for other in self.ledger.lines(fate.ref)[fate.key])
            assert receipt.queue_position == (ahead if fate.waits else 0), "a receipt names another place"

    def _new_turn(self) -> OpenTurn:
        self.ledger.turn_over()
        return OpenTurn({ref: len(self.ledger.waiting(ref)) for ref in self.ledger.actions})


def at_once(work: Coroutine[Any, Any, _Result]) -> _Result:
    """The result of what never waits: the journal is in memory."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")
