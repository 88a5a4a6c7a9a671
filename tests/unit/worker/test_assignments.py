"""What is run once, what is acknowledged when, and what is given back."""

from collections.abc import Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.records import Finished
from attune_executor.ports.broker import DeliveryMark
from attune_executor.wire.dispatches import Assignment
from attune_executor.wire.envelope import Origin
from attune_executor.worker.assignments import CANCELLED, Assignments, Consequences
from attune_executor.worker.execution import Execution

ORIGIN = Origin("m", "t")
NOTHING = Consequences([], [], [])


def mark(tag: int, session: int = 1) -> DeliveryMark:
    return DeliveryMark(session, tag)


def assign(*ids: int, attempt: int = 1) -> list[Assignment]:
    return [Assignment(number, attempt, "core.echo", b"{}") for number in ids]


def deliver(
    assignments: Assignments, mark: DeliveryMark, brought: list[Assignment], *, redelivered: bool = False
) -> Consequences:
    return assignments.deliver(mark, ORIGIN, brought, 3.0, redelivered)


def returned(assignments: Assignments) -> list[DeliveryMark]:
    return [each.mark for each in assignments.hand_back()]


def start(assignments: Assignments) -> Execution:
    execution = assignments.start_next()
    assert execution is not None
    return execution


def done(execution: Execution, result: bytes = b"1") -> Finished:
    return Finished(*execution.key, ExecutionStatus.SUCCEEDED, result, "w", 1.0, 2.0)


def finish(assignments: Assignments, execution: Execution, result: bytes = b"1") -> Finished:
    completion = done(execution, result)
    assert assignments.finish(execution, completion)
    return completion


@pytest.fixture
def assignments() -> Assignments:
    return Assignments("w")


def test_executions_start_in_the_order_of_delivery(assignments: Assignments) -> None:
    deliver(assignments, mark(1), assign(5, 3))
    deliver(assignments, mark(2), assign(4))
    assert [start(assignments).key[0] for _ in range(3)] == [5, 3, 4]
    assert assignments.start_next() is None


def test_a_message_is_acknowledged_once_the_completions_of_all_it_carried_are_on_their_way(
    assignments: Assignments,
) -> None:
    deliver(assignments, mark(1), assign(1, 2))
    first, second = (finish(assignments, start(assignments)) for _ in range(2))
    assert assignments.sent([second]) == []
    assert assignments.sent([first]) == [mark(1)]
    assert assignments.held == [(1, 1), (2, 1)], "neither is confirmed yet"
    assert assignments.confirm([first, second]) == []
    assert assignments.held == []


def test_delivered_again_while_its_completion_is_on_its_way_it_is_acknowledged_at_once(
    assignments: Assignments,
) -> None:
    deliver(assignments, mark(1), assign(1))
    completion = finish(assignments, start(assignments))
    assignments.sent([completion])
    assert deliver(assignments, mark(2), assign(1)).acknowledge == [mark(2)]
    assert assignments.start_next() is None


def test_a_completion_that_was_on_its_way_when_the_connection_was_lost_has_to_be_sent_again(
    assignments: Assignments,
) -> None:
    deliver(assignments, mark(1), assign(1))
    completion = finish(assignments, start(assignments))
    assignments.sent([completion])
    assignments.lose_deliveries()
    assert deliver(assignments, mark(1, session=2), assign(1)) == NOTHING
    assert assignments.sent([completion]) == [mark(1, session=2)]


def test_delivered_again_while_it_runs_it_is_not_run_again(assignments: Assignments) -> None:
    deliver(assignments, mark(1), assign(1))
    execution = start(assignments)
    assignments.lose_deliveries()
    assert deliver(assignments, mark(1, session=2), assign(1)) == NOTHING
    assert assignments.start_next() is None
    assert assignments.confirm([finish(assignments, execution)]) == [mark(1, session=2)]


def test_delivered_again_after_it_was_confirmed_it_is_reported_again(assignments: Assignments) -> None:
    deliver(assignments, mark(1), assign(1))
    completion = finish(assignments, start(assignments))
    assignments.confirm([completion])
    [again] = deliver(assignments, mark(9), assign(1)).report
    assert again.completion == completion
    assert assignments.start_next() is None
    assert deliver(assignments, mark(10), assign(1)) == NOTHING, "one report answers both"
    assert assignments.confirm([completion]) == [mark(9), mark(10)]


def test_a_later_attempt_replaces_one_that_runs(assignments: Assignments) -> None:
    deliver(assignments, mark(1), assign(1))
    older = start(assignments)
    assert deliver(assignments, mark(2), assign(1, attempt=2)) == Consequences([], [older], [mark(1)])
    newer = start(assignments)
    assert newer.key == (1, 2)
    assert newer.replaces is older
    assert assignments.held == [(1, 2)]
    assert not assignments.finish(older, done(older)), "nobody is told"
    assert assignments.confirm([finish(assignments, newer)]) == [mark(2)]


def test_a_later_attempt_replaces_one_that_waits(assignments: Assignments) -> None:
    deliver(assignments, mark(1), assign(1, 2))
    assert deliver(assignments, mark(2), assign(1, attempt=2)) == NOTHING
    assert [start(assignments).key for _ in range(2)] == [(2, 1), (1, 2)]
    assert assignments.start_next() is None


def test_an_earlier_attempt_that_comes_late_is_acknowledged_and_not_run(assignments: Assignments) -> None:
    deliver(assignments, mark(1), assign(1, attempt=2))
    assert deliver(assignments, mark(2), assign(1)).acknowledge == [mark(2)]
    completion = finish(assignments, start(assignments))
    assert assignments.confirm([completion]) == [mark(1)]
    assert deliver(assignments, mark(3), assign(1)).acknowledge == [mark(3)]
    assert assignments.start_next() is None


def test_two_attempts_in_one_message_are_acknowledged_once(assignments: Assignments) -> None:
    assert deliver(assignments, mark(1), [*assign(1), *assign(1, attempt=2)]) == NOTHING
    assert assignments.confirm([finish(assignments, start(assignments))]) == [mark(1)]


def test_what_waits_is_cancelled_at_once(assignments: Assignments) -> None:
    deliver(assignments, mark(1), assign(1, 2))
    [cancelled] = assignments.cancel([(1, 1)], 5.0).report
    assert cancelled.completion == Finished(1, 1, ExecutionStatus.CANCELLED, CANCELLED, "w", None, 5.0)
    assert start(assignments).key == (2, 1)
    assert assignments.held == [(1, 1), (2, 1)], "its completion is not confirmed yet"


def test_what_runs_is_to_be_stopped_and_ends_by_itself(assignments: Assignments) -> None:
    deliver(assignments, mark(1), assign(1))
    execution = start(assignments)
    assert assignments.cancel([(1, 1)], 5.0) == Consequences([], [execution])
    assert assignments.finish(execution, done(execution))


@pytest.mark.parametrize("given", [1, 2])
def test_a_cancel_stops_its_attempt_and_earlier_ones(assignments: Assignments, given: int) -> None:
    deliver(assignments, mark(1), assign(1, attempt=2))
    assert bool(assignments.cancel([(1, given)], 5.0).report) == (given == 2)


def test_a_cancel_may_come_before_what_it_cancels(assignments: Assignments) -> None:
    assignments.cancel([(1, 2)], 5.0)
    assignments.cancel([(1, 1)], 6.0)
    [cancelled] = deliver(assignments, mark(1), assign(1, attempt=2)).report
    assert cancelled.completion is not None
    assert cancelled.completion.status is ExecutionStatus.CANCELLED
    assert deliver(assignments, mark(2), assign(1, attempt=3)) == NOTHING
    assert start(assignments).key == (1, 3)


def once(*ids: int) -> list[Assignment]:
    return [each._replace(at_most_once=True) for each in assign(*ids)]


def test_what_may_run_once_fails_when_it_is_delivered_again(assignments: Assignments) -> None:
    [lost] = deliver(assignments, mark(1), [*once(1), *assign(2)], redelivered=True).report
    assert lost.completion is not None
    assert lost.completion.status is ExecutionStatus.FAILED
    assert b"worker lost" in (lost.completion.result or b"")
    assert start(assignments).key == (2, 1)
    assert assignments.start_next() is None


def test_what_may_run_once_joins_what_is_known_of_it(assignments: Assignments) -> None:
    deliver(assignments, mark(1), once(1))
    execution = start(assignments)
    assignments.lose_deliveries()
    assert deliver(assignments, mark(1, session=2), once(1), redelivered=True) == NOTHING
    completion = finish(assignments, execution)
    assert assignments.confirm([completion]) == [mark(1, session=2)]
    assert deliver(assignments, mark(2, session=2), once(1), redelivered=True).report == [execution]
    assert execution.completion == completion


def test_what_waits_is_forgotten_with_the_connection(assignments: Assignments) -> None:
    deliver(assignments, mark(1), assign(1, 2))
    execution = start(assignments)
    assignments.lose_deliveries()
    assert assignments.waiting == 0
    assert assignments.confirm([finish(assignments, execution)]) == [], "its mark is void"
    deliver(assignments, mark(1, session=2), assign(2))
    assert start(assignments).key == (2, 1)


def test_only_messages_of_which_nothing_has_started_are_handed_back(assignments: Assignments) -> None:
    deliver(assignments, mark(1), assign(1, 2))
    deliver(assignments, mark(2), assign(3, 4))
    start(assignments)
    assert returned(assignments) == [mark(2)]
    assert assignments.waiting == 1
    assert start(assignments).key[0] == 2
    assert assignments.start_next() is None


def test_a_message_that_is_partly_done_is_not_handed_back(assignments: Assignments) -> None:
    deliver(assignments, mark(1), assign(1, 2))
    assignments.confirm([finish(assignments, start(assignments))])
    assert returned(assignments) == []
    assert assignments.waiting == 1


def test_what_was_handed_back_and_comes_again_is_run(assignments: Assignments) -> None:
    deliver(assignments, mark(1), assign(1))
    assert returned(assignments) == [mark(1)]
    deliver(assignments, mark(2), assign(1))
    assert start(assignments).key == (1, 1)


@pytest.mark.parametrize("limits", [{"remembered": 2}, {"remembered_bytes": 20}])
def test_memory_of_what_is_done_is_bounded(limits: dict[str, int]) -> None:
    assignments = Assignments("w", **limits)
    for number in (1, 2, 3):
        deliver(assignments, mark(number), assign(number))
        assignments.confirm([finish(assignments, start(assignments), b"0123456789")])
    assert deliver(assignments, mark(4), assign(1, 2, 3)).report
    assert start(assignments).key == (1, 1), "the oldest is forgotten"
    assert assignments.start_next() is None


class WorkerMachine(RuleBasedStateMachine):
    """Deliveries, losses, cancels and completions in any order.

    A message is acknowledged once a session and never early; an execution does not run twice at once, and nothing is
    held of which there is nothing left to say.
    """

    def __init__(self) -> None:
        super().__init__()
        self.assignments = Assignments("w", remembered=3)
        self.session, self.tag = 1, 0
        self.open: dict[DeliveryMark, set[tuple[int, int]]] = {}
        self.running: list[Execution] = []
        self.reporting: list[Finished] = []
        self.sent: list[Finished] = []
        self.on_their_way: set[tuple[int, int]] = set()
        self.sent_since: dict[DeliveryMark, set[tuple[int, int]]] = {}
        self.latest: dict[int, int] = {}

    @rule(
        brought=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3)), min_size=1, max_size=3),
        redelivered=st.booleans(),
        at_most_once=st.booleans(),
    )
    def deliver(self, brought: list[tuple[int, int]], redelivered: bool, at_most_once: bool) -> None:
        self.tag += 1
        new = mark(self.tag, self.session)
        self.open[new], self.sent_since[new] = set(brought), set(brought) & self.on_their_way
        for execution_id, attempt in brought:
            self.latest[execution_id] = max(attempt, self.latest.get(execution_id, 0))
        assignments = [Assignment(*key, "core.echo", b"{}", None, at_most_once) for key in brought]
        self.carry_out(self.assignments.deliver(new, ORIGIN, assignments, 3.0, redelivered))

    @rule(execution_id=st.integers(1, 5), attempt=st.integers(1, 3))
    def cancel(self, execution_id: int, attempt: int) -> None:
        self.carry_out(self.assignments.cancel([(execution_id, attempt)], 4.0))

    def carry_out(self, consequences: Consequences) -> None:
        for execution in consequences.report:
            assert execution.completion is not None
            assert execution.completion not in (*self.reporting, *self.sent), "reported twice"
            self.reporting.append(execution.completion)
        for execution in consequences.stop:
            self.running.remove(execution)
            if self.assignments.finish(execution, done(execution)):
                self.reporting.append(done(execution))
        self.acknowledge(consequences.acknowledge)

    def acknowledge(self, marks: Sequence[DeliveryMark]) -> None:
        for acknowledged in marks:
            unsent = self.open.pop(acknowledged) - self.sent_since.pop(acknowledged)
            for execution_id, attempt in unsent:
                assert attempt < self.latest[execution_id], "acknowledged too early"

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

    @precondition(lambda self: self.reporting or self.sent)
    @rule()
    def send(self) -> None:
        self.sent += self.reporting
        self.reporting = []
        keys = {(completion.execution_id, completion.attempt) for completion in self.sent}
        self.on_their_way |= keys
        for sent in self.sent_since.values():
            sent.update(keys)
        self.acknowledge(self.assignments.sent(self.sent))

    @precondition(lambda self: self.sent)
    @rule()
    def confirm(self) -> None:
        """Maybe of what was sent before the connection was lost."""
        batch, self.sent = self.sent, []
        keys = {(completion.execution_id, completion.attempt) for completion in batch}
        self.on_their_way -= keys
        for sent in self.sent_since.values():
            sent.update(keys)
        self.acknowledge(self.assignments.confirm(batch))

    @rule()
    def lose(self) -> None:
        self.assignments.lose_deliveries()
        self.session += 1
        self.tag = 0
        self.open.clear()
        self.sent_since.clear()
        self.on_their_way.clear()

    @rule()
    def hand_back(self) -> None:
        for given_up in returned(self.assignments):
            assert not self.sent_since.pop(given_up) & self.open.pop(given_up), "partly done, and returned"

    @invariant()
    def what_is_held_waits_runs_or_is_being_reported(self) -> None:
        unsaid = {each.key for each in self.running} | {
            (completion.execution_id, completion.attempt) for completion in (*self.reporting, *self.sent)
        }
        held = set(self.assignments.held)
        assert unsaid <= held
        assert len(held) == len(unsaid) + self.assignments.waiting
        if not held:
            assert not self.open, "nothing is left to do, and a message is not acknowledged"


WorkerMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=40)
TestWorkerMachine = WorkerMachine.TestCase
