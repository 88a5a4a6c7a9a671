"""What is run once, what is acknowledged when, and what is given back."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.records import Finished
from attune_executor.ports.broker import DeliveryMark
from attune_executor.wire.envelope import Origin
from attune_executor.wire.messages import Assignment
from attune_executor.worker.assignments import Assignments, Execution

ORIGIN = Origin("m", "t")


def mark(tag: int, session: int = 1) -> DeliveryMark:
    return DeliveryMark(session, tag)


def assign(*ids: int, attempt: int = 1) -> list[Assignment]:
    return [Assignment(number, attempt, "core.echo", b"{}") for number in ids]


def start(assignments: Assignments) -> Execution:
    execution = assignments.start_next()
    assert execution is not None
    return execution


def finish(assignments: Assignments, execution: Execution, result: bytes = b"1") -> Finished:
    completion = Finished(*execution.key, ExecutionStatus.SUCCEEDED, result, "w", 1.0, 2.0)
    assignments.finish(execution, completion)
    return completion


@pytest.fixture
def assignments() -> Assignments:
    return Assignments()


def test_executions_start_in_the_order_of_delivery(assignments: Assignments) -> None:
    assignments.deliver(mark(1), ORIGIN, assign(5, 3))
    assignments.deliver(mark(2), ORIGIN, assign(4))
    assert [start(assignments).key[0] for _ in range(3)] == [5, 3, 4]
    assert assignments.start_next() is None


def test_a_message_is_acknowledged_once_all_it_carried_is_confirmed(assignments: Assignments) -> None:
    assignments.deliver(mark(1), ORIGIN, assign(1, 2))
    first, second = (finish(assignments, start(assignments)) for _ in range(2))
    assert assignments.confirm([second]) == []
    assert assignments.confirm([first]) == [mark(1)]


def test_delivered_again_while_it_runs_it_is_not_run_again(assignments: Assignments) -> None:
    assignments.deliver(mark(1), ORIGIN, assign(1))
    execution = start(assignments)
    assignments.lose_deliveries()
    assert assignments.deliver(mark(1, session=2), ORIGIN, assign(1)) == []
    assert assignments.start_next() is None
    assert assignments.confirm([finish(assignments, execution)]) == [mark(1, session=2)]


def test_delivered_again_after_it_was_confirmed_it_is_reported_again(assignments: Assignments) -> None:
    assignments.deliver(mark(1), ORIGIN, assign(1))
    completion = finish(assignments, start(assignments))
    assignments.confirm([completion])
    [again] = assignments.deliver(mark(9), ORIGIN, assign(1))
    assert again.completion == completion
    assert assignments.start_next() is None
    assert assignments.deliver(mark(10), ORIGIN, assign(1)) == [], "one report answers both"
    assert assignments.confirm([completion]) == [mark(9), mark(10)]


def test_a_higher_attempt_is_another_execution(assignments: Assignments) -> None:
    assignments.deliver(mark(1), ORIGIN, assign(1))
    start(assignments)
    assignments.deliver(mark(2), ORIGIN, assign(1, attempt=2))
    assert start(assignments).key == (1, 2)


def test_what_waits_is_forgotten_with_the_connection(assignments: Assignments) -> None:
    assignments.deliver(mark(1), ORIGIN, assign(1, 2))
    execution = start(assignments)
    assignments.lose_deliveries()
    assert assignments.waiting == 0
    assert assignments.running == 1
    assert assignments.confirm([finish(assignments, execution)]) == [], "its mark is void"
    assignments.deliver(mark(1, session=2), ORIGIN, assign(2))
    assert start(assignments).key == (2, 1)


def test_only_messages_of_which_nothing_has_started_are_handed_back(assignments: Assignments) -> None:
    assignments.deliver(mark(1), ORIGIN, assign(1, 2))
    assignments.deliver(mark(2), ORIGIN, assign(3, 4))
    start(assignments)
    assert assignments.hand_back() == [mark(2)]
    assert assignments.waiting == 1
    assert start(assignments).key[0] == 2
    assert assignments.start_next() is None


def test_a_message_that_is_partly_done_is_not_handed_back(assignments: Assignments) -> None:
    assignments.deliver(mark(1), ORIGIN, assign(1, 2))
    assignments.confirm([finish(assignments, start(assignments))])
    assert assignments.hand_back() == []
    assert assignments.waiting == 1


def test_what_was_handed_back_and_comes_again_is_run(assignments: Assignments) -> None:
    assignments.deliver(mark(1), ORIGIN, assign(1))
    assert assignments.hand_back() == [mark(1)]
    assignments.deliver(mark(2), ORIGIN, assign(1))
    assert start(assignments).key == (1, 1)


@pytest.mark.parametrize("limits", [{"remembered": 2}, {"remembered_bytes": 20}])
def test_memory_of_what_is_done_is_bounded(limits: dict[str, int]) -> None:
    assignments = Assignments(**limits)
    for number in (1, 2, 3):
        assignments.deliver(mark(number), ORIGIN, assign(number))
        assignments.confirm([finish(assignments, start(assignments), b"0123456789")])
    assert assignments.deliver(mark(4), ORIGIN, assign(1, 2, 3)) != []
    assert start(assignments).key == (1, 1), "the oldest is forgotten"
    assert assignments.start_next() is None


class WorkerMachine(RuleBasedStateMachine):
    """Deliveries, losses and completions in any order: a message is acknowledged once a session, and never early."""

    def __init__(self) -> None:
        super().__init__()
        self.assignments = Assignments(remembered=3)
        self.session, self.tag = 1, 0
        self.open: dict[DeliveryMark, set[int]] = {}
        self.running: list[Execution] = []
        self.reporting: list[Finished] = []
        self.confirmed_since: dict[DeliveryMark, set[int]] = {}
        self.drained = False

    @rule(ids=st.lists(st.integers(1, 6), min_size=1, max_size=3))
    def deliver(self, ids: list[int]) -> None:
        self.tag += 1
        new = mark(self.tag, self.session)
        self.open[new], self.confirmed_since[new] = set(ids), set()
        for execution in self.assignments.deliver(new, ORIGIN, assign(*ids)):
            assert execution.completion is not None
            self.reporting.append(execution.completion)

    @rule()
    def start(self) -> None:
        execution = self.assignments.start_next()
        if execution is not None:
            assert execution.key not in {each.key for each in self.running}, "run twice at once"
            self.running.append(execution)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        execution = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.reporting.append(finish(self.assignments, execution))

    @precondition(lambda self: self.reporting)
    @rule()
    def confirm(self) -> None:
        batch, self.reporting = self.reporting, []
        for completion in batch:
            for confirmed in self.confirmed_since.values():
                confirmed.add(completion.execution_id)
        for done in self.assignments.confirm(batch):
            assert self.open.pop(done) <= self.confirmed_since.pop(done), "acknowledged too early"

    @rule()
    def lose(self) -> None:
        self.assignments.lose_deliveries()
        self.session += 1
        self.tag = 0
        self.open.clear()
        self.confirmed_since.clear()

    @rule()
    def hand_back(self) -> None:
        for returned in self.assignments.hand_back():
            assert not self.confirmed_since.pop(returned) & self.open.pop(returned), "partly done, and returned"

    @invariant()
    def every_open_message_can_still_be_acknowledged(self) -> None:
        assert self.assignments.running == len(self.running)
        if not self.running and not self.reporting and not self.assignments.waiting:
            assert not self.open, "nothing is left to do, and a message is not acknowledged"


WorkerMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=30)
TestWorkerMachine = WorkerMachine.TestCase
