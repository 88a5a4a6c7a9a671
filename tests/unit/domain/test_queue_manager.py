"""ExecutionQueueManager, rule by rule."""

import pytest

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.lines import WaitingPlace
from attune_executor.domain.policy import Admission, QueuePolicy, RetryPolicy, WorkerLost
from attune_executor.domain.queue_manager import ExecutionQueueManager, TurnDecision
from attune_executor.domain.records import Accepted, Finished, Started
from attune_executor.domain.restored import ActiveExecution, KnownAction, WaitingRun
from attune_executor.domain.submission import ExecutionRequest, Intervention, Refusal, RefusalCode
from attune_executor.domain.worker_pool import ROLL_CALLS_UNTIL_LOST
from attune_executor.domain.workers import Heartbeat

NOW = 1_000_000.0


class Driver:
    """Speaks to a manager of one action in the words of a test."""

    def __init__(self, policy: QueuePolicy, ref: str = "core.echo") -> None:
        self.manager = ExecutionQueueManager()
        self.ref = ref
        self.next_id = 100
        self.manager.set_policy(1, ref, policy, NOW)
        self.heartbeat()

    def heartbeat(self, *held: int, slots: int = 1000, draining: bool = False, worker: str = "w") -> None:
        self.manager.notify_heartbeat(
            Heartbeat(worker, "default", slots, draining, [(execution_id, 1) for execution_id in held]), NOW
        )

    def submit(self, count: int = 1, ref: str | None = None) -> list[Accepted | Refusal]:
        outcomes: list[Accepted | Refusal] = []
        for _ in range(count):
            self.next_id += 1
            outcomes.append(self.manager.submit(ExecutionRequest(ref or self.ref, b"{}"), self.next_id, NOW))
        return outcomes

    def finish(self, *execution_ids: int) -> list[bool]:
        return [
            self.manager.notify_completion(
                Finished(execution_id, 1, ExecutionStatus.SUCCEEDED, b"null", "w", NOW - 2, NOW), NOW
            )
            for execution_id in execution_ids
        ]

    def set_policy(self, policy: QueuePolicy) -> None:
        self.manager.set_policy(1, self.ref, policy, NOW)

    def close(self) -> TurnDecision:
        return self.manager.close_turn(0, NOW)

    def dispatched(self) -> list[int]:
        return [handoff.execution_id for handoff in self.close().handoffs]


def counts(driver: Driver) -> tuple[int, int]:
    queue = driver.manager.queue(driver.ref)
    assert queue is not None
    return queue.queue_length, queue.active_count


def test_dispatches_in_order_up_to_the_limit() -> None:
    driver = Driver(QueuePolicy(concurrency=2))
    driver.submit(5)
    assert driver.dispatched() == [101, 102]
    assert counts(driver) == (3, 2)
    driver.finish(102)
    assert driver.dispatched() == [103]
    driver.finish(101, 103)
    assert driver.dispatched() == [104, 105]
    assert counts(driver) == (0, 2)


def test_an_execution_dispatched_in_its_own_turn_is_one_row() -> None:
    driver = Driver(QueuePolicy(concurrency=1))
    driver.submit(2)
    record = driver.close().record
    assert [(row.execution_id, row.queue_order, row.dispatch_order) for row in record.accepted] == [
        (101, 1, 1),
        (102, 2, None),
    ]
    assert record.dispatched == []
    driver.finish(101)
    record = driver.close().record
    assert [(row.execution_id, row.attempt, row.publish_order) for row in record.dispatched] == [(102, 1, 2)]


def test_a_burst_on_an_idle_queue_may_fill_slots_and_queue() -> None:
    driver = Driver(QueuePolicy(concurrency=3, max_queue_length=2))
    outcomes = driver.submit(6)
    assert [isinstance(outcome, Accepted) for outcome in outcomes] == [True] * 5 + [False]
    refusal = outcomes[-1]
    assert isinstance(refusal, Refusal)
    assert refusal.code is RefusalCode.QUEUE_FULL
    assert refusal.message == "Queue full (max length: 2)"
    assert refusal.retry_after_seconds == 1


def test_a_queue_length_of_zero_never_waits() -> None:
    driver = Driver(QueuePolicy(concurrency=1, max_queue_length=0))
    first, second = driver.submit(2)
    assert isinstance(first, Accepted)
    assert isinstance(second, Refusal)


def test_retry_after_follows_the_measured_duration() -> None:
    driver = Driver(QueuePolicy(concurrency=1, max_queue_length=1))
    driver.submit(2)
    driver.close()
    driver.manager.notify_completion(Finished(101, 1, ExecutionStatus.SUCCEEDED, None, "w", NOW - 20, NOW), NOW)
    driver.submit(1)
    (refusal,) = driver.submit(1)
    assert isinstance(refusal, Refusal)
    assert refusal.retry_after_seconds == 20


def test_a_duplicate_completion_frees_no_second_slot() -> None:
    driver = Driver(QueuePolicy(concurrency=1))
    driver.submit(3)
    driver.close()
    assert driver.finish(101, 101) == [True, False]
    assert driver.dispatched() == [102]
    assert driver.finish(101) == [False]
    assert driver.dispatched() == []
    assert counts(driver) == (1, 1)


def test_a_lowered_limit_starts_nothing_until_below_it() -> None:
    driver = Driver(QueuePolicy(concurrency=3))
    driver.submit(6)
    driver.close()
    driver.set_policy(QueuePolicy(concurrency=1))
    assert driver.dispatched() == []
    driver.finish(101, 102)
    assert driver.dispatched() == []
    driver.finish(103)
    assert driver.dispatched() == [104]


def test_a_raised_limit_fills_its_slots_at_once() -> None:
    driver = Driver(QueuePolicy(concurrency=1))
    driver.submit(6)
    driver.close()
    driver.set_policy(QueuePolicy(concurrency=4))
    assert driver.dispatched() == [102, 103, 104]


def test_hold_accepts_and_starts_nothing() -> None:
    driver = Driver(QueuePolicy(concurrency=2, admission=Admission.HOLD))
    assert all(isinstance(outcome, Accepted) for outcome in driver.submit(2))
    assert driver.dispatched() == []
    driver.set_policy(QueuePolicy(concurrency=2))
    assert driver.dispatched() == [101, 102]


def test_closed_refuses_and_drains() -> None:
    driver = Driver(QueuePolicy(concurrency=1))
    driver.submit(2)
    driver.close()
    driver.set_policy(QueuePolicy(concurrency=1, admission=Admission.CLOSED))
    (refusal,) = driver.submit(1)
    assert isinstance(refusal, Refusal)
    assert refusal.code is RefusalCode.ACTION_DISABLED
    driver.finish(101)
    assert driver.dispatched() == [102]


def test_a_removed_policy_refuses_and_drains_under_its_last_limit() -> None:
    driver = Driver(QueuePolicy(concurrency=2))
    driver.submit(4)
    driver.close()
    driver.manager.remove_policy("core.echo", NOW)
    (refusal,) = driver.submit(1)
    assert isinstance(refusal, Refusal)
    assert refusal.code is RefusalCode.UNKNOWN_ACTION
    driver.finish(101, 102)
    assert driver.dispatched() == [103, 104]


def test_an_unknown_action_is_refused_and_changes_nothing() -> None:
    driver = Driver(QueuePolicy(concurrency=1))
    driver.close()
    (refusal,) = driver.submit(1, ref="core.nope")
    assert isinstance(refusal, Refusal)
    assert refusal.code is RefusalCode.UNKNOWN_ACTION
    decision = driver.close()
    assert (decision.record.accepted, decision.handoffs, decision.changed) == ([], [], [])


def test_queues_take_turns_for_their_slots() -> None:
    driver = Driver(QueuePolicy(concurrency=3))
    driver.manager.set_policy(2, "core.other", QueuePolicy(concurrency=2), NOW)
    driver.submit(3)
    driver.submit(2, ref="core.other")
    assert driver.dispatched() == [101, 104, 102, 105, 103]


def test_started_and_finished_in_one_turn_is_one_row() -> None:
    driver = Driver(QueuePolicy(concurrency=1))
    driver.submit(1)
    driver.close()
    assert driver.manager.notify_started(Started(101, 1, "w", NOW), NOW)
    driver.finish(101)
    record = driver.close().record
    assert record.started == []
    assert [row.execution_id for row in record.finished] == [101]


def test_positions_count_from_the_head() -> None:
    driver = Driver(QueuePolicy(concurrency=1))
    accepted = [outcome for outcome in driver.submit(3) if isinstance(outcome, Accepted)]
    driver.close()
    receipts = [driver.manager.receipt(row) for row in accepted]
    assert [(receipt.status, receipt.queue_position) for receipt in receipts] == [
        (ExecutionStatus.SCHEDULED, 0),
        (ExecutionStatus.REQUESTED, 1),
        (ExecutionStatus.REQUESTED, 2),
    ]


def test_an_execution_ended_in_the_database_frees_its_slot_and_is_not_written() -> None:
    driver = Driver(QueuePolicy(concurrency=1))
    driver.submit(2)
    driver.close()
    assert driver.manager.notify_ended_elsewhere(101, NOW)
    decision = driver.close()
    assert decision.record.finished == []
    assert [handoff.execution_id for handoff in decision.handoffs] == [102]


def test_a_worker_that_runs_what_another_has_finished_is_told_to_stop() -> None:
    driver = Driver(QueuePolicy(concurrency=1))
    driver.submit(1)
    driver.close()
    driver.manager.notify_started(Started(101, 1, "w", NOW), NOW)
    driver.manager.notify_started(Started(101, 1, "other", NOW), NOW)
    assert driver.finish(101) == [True]
    assert driver.close().cancels == [("default", 101, 1)]


def restored(*, confirmed: bool, started: bool) -> ExecutionQueueManager:
    manager = ExecutionQueueManager(publish_order=7)
    policy = QueuePolicy(concurrency=1)
    manager.restore_action(
        KnownAction(1, "core.echo", enabled=True, policy=policy, governed=True, last_order=12, total_rejected=4), NOW
    )
    status = ExecutionStatus.RUNNING if started else ExecutionStatus.SCHEDULED
    manager.restore_active(ActiveExecution(110, 1, status, 1, 6), NOW, confirmed=confirmed)
    manager.restore_waiting(WaitingRun(1, None, (111, 112), (11, 12), (NOW - 30, NOW - 20)))
    return manager


def test_a_restored_queue_knows_its_counters_and_starts_nothing_beyond_the_limit() -> None:
    manager = restored(confirmed=True, started=False)
    assert manager.close_turn(0, NOW).handoffs == []
    queue = manager.queue("core.echo")
    assert queue is not None
    stats = queue.stats(NOW)
    assert (stats.queue_length, stats.active_count, stats.oldest_enqueued_at) == (2, 1, NOW - 30)
    assert (stats.total_enqueued, stats.total_completed, stats.total_rejected) == (12, 9, 4)
    assert queue.position(None, 12) == 2


def roll_calls(manager: ExecutionQueueManager, count: int, *held: int, slots: int = 10) -> int:
    """So many roll calls, each answered; returns what was lost in all."""
    lost = 0
    for _ in range(count):
        lost += manager.call_roll(NOW)
        manager.notify_heartbeat(Heartbeat("w", "default", slots, False, [(each, 1) for each in held]), NOW)
    return lost


def test_an_unconfirmed_dispatch_that_nobody_holds_is_repeated_with_the_next_attempt() -> None:
    manager = restored(confirmed=False, started=False)
    assert roll_calls(manager, 2) == 0
    assert roll_calls(manager, 1) == 1
    decision = manager.close_turn(0, NOW)
    assert [(handoff.execution_id, handoff.attempt, handoff.publish_order) for handoff in decision.handoffs] == [
        (110, 2, 8)
    ]
    assert [tuple(row) for row in decision.record.dispatched] == [(110, 2, 8, 0)]
    assert roll_calls(manager, 10) == 0, "it is confirmed now, and not overdue"


def test_an_unconfirmed_dispatch_that_a_worker_reports_or_holds_is_not_repeated() -> None:
    manager = restored(confirmed=False, started=False)
    assert manager.notify_started(Started(110, 1, "w", NOW), NOW)
    assert roll_calls(manager, 5, 110) == 0
    manager = restored(confirmed=False, started=False)
    assert roll_calls(manager, 5, 110) == 0


def test_what_is_in_doubt_stays_in_doubt_for_the_next_owner() -> None:
    manager = restored(confirmed=False, started=False)
    assert manager.close_turn(9, NOW).record.confirmed_order == 5
    assert manager.notify_started(Started(110, 1, "w", NOW), NOW)
    assert manager.close_turn(9, NOW).record.confirmed_order == 9


def test_nothing_is_lost_while_all_workers_are_busy_or_away() -> None:
    manager = restored(confirmed=False, started=False)
    assert [manager.call_roll(NOW) for _ in range(10)] == [0] * 10
    assert roll_calls(manager, 10, 1, 2, slots=2) == 0, "it may wait in the broker behind those"


def in_a_deserted_pool(retry: RetryPolicy, *, started: bool = False) -> Driver:
    """Execution 101 is in the pool default, whose worker went away after its policy had come to name another."""
    driver = Driver(QueuePolicy(concurrency=1, retry=retry))
    driver.submit(2)
    assert driver.dispatched() == [101]
    if started:
        driver.manager.notify_started(Started(101, 1, "w", NOW), NOW)
    driver.set_policy(QueuePolicy(concurrency=1, pool="gpu", retry=retry))
    driver.manager.notify_heartbeat(Heartbeat("g", "gpu", 1, False, [(7, 1)]), NOW)
    for _ in range(ROLL_CALLS_UNTIL_LOST + 1):
        assert driver.manager.call_roll(NOW) == 0, "its worker may come back"
    return driver


@pytest.mark.parametrize("started", [False, True])
def test_what_is_left_in_a_pool_without_workers_goes_to_the_one_that_the_policy_names(started: bool) -> None:
    driver = in_a_deserted_pool(RetryPolicy(), started=started)
    # Without workers there either, and without idle slots: there is nothing to wait for in the old pool.
    lost = [driver.manager.call_roll(NOW) for _ in range(ROLL_CALLS_UNTIL_LOST)]
    assert sum(lost) == 1
    decision = driver.close()
    assert [(each.execution_id, each.attempt, each.pool) for each in decision.handoffs] == [(101, 2, "gpu")]
    assert decision.cancels == [("default", 101, 1)]
    assert {pool.name: pool.in_flight for pool in driver.manager.pools()} == {"default": 0, "gpu": 1}
    assert counts(driver) == (1, 1)
    # Its worker comes back with the first attempt after all: too late.
    assert not driver.manager.notify_started(Started(101, 1, "w", NOW), NOW)


def test_what_may_run_once_at_most_fails_where_it_is_left_behind() -> None:
    driver = in_a_deserted_pool(RetryPolicy(worker_lost=WorkerLost.FAIL))
    assert sum(driver.manager.call_roll(NOW) for _ in range(ROLL_CALLS_UNTIL_LOST)) == 1
    (finished,) = driver.close().record.finished
    assert (finished.execution_id, finished.status, finished.result) == (
        101,
        ExecutionStatus.FAILED,
        b'{"error": "worker lost"}',
    )


def test_nothing_leaves_a_pool_whose_workers_are_there() -> None:
    driver = Driver(QueuePolicy(concurrency=2))
    driver.heartbeat(slots=2)
    driver.submit(2)
    driver.close()
    driver.set_policy(QueuePolicy(concurrency=2, pool="gpu"))
    for _ in range(10):
        assert driver.manager.call_roll(NOW) == 0
        driver.heartbeat(7, 8, slots=2)
    for _ in range(10):
        assert driver.manager.call_roll(NOW) == 0
        driver.heartbeat(101, 102, slots=2, draining=True)
    assert driver.close().handoffs == []


def test_a_retry_goes_to_the_pool_that_the_policy_names_by_then() -> None:
    driver = Driver(QueuePolicy(concurrency=1, retry=RetryPolicy(max_attempts=2)))
    driver.submit(1)
    driver.close()
    driver.set_policy(QueuePolicy(concurrency=1, pool="gpu", retry=RetryPolicy(max_attempts=2)))
    driver.manager.notify_completion(Finished(101, 1, ExecutionStatus.FAILED, None, "w", NOW, NOW), NOW)
    assert [(each.attempt, each.pool) for each in driver.close().handoffs] == [(2, "gpu")]


def test_a_restored_execution_is_where_a_worker_has_it() -> None:
    manager = restored(confirmed=True, started=True)
    manager.set_policy(1, "core.echo", QueuePolicy(concurrency=1, pool="gpu"), NOW)
    manager.restore_active(ActiveExecution(109, 1, ExecutionStatus.RUNNING, 2, 5), NOW, confirmed=True)
    in_flight = {pool.name: pool.in_flight for pool in manager.pools()}
    assert (in_flight["default"], in_flight["gpu"]) == (1, 1)
    manager.notify_heartbeat(Heartbeat("w", "default", 5, False, [(110, 1), (109, 1)]), NOW)
    assert manager.cancel(109, WaitingPlace(1, None, 9), NOW) is Intervention.CANCELLING
    manager.notify_heartbeat(Heartbeat("w", "default", 5, False, [(110, 1), (109, 2)]), NOW)
    manager.call_roll(NOW)
    assert manager.close_turn(0, NOW).cancels == [("gpu", 109, 2), ("default", 109, 2)]
    assert {pool.name: pool.in_flight for pool in manager.pools()} == {"default": 2, "gpu": 0}


def test_an_attempt_that_a_draining_worker_was_told_to_give_up_makes_no_room_for_another() -> None:
    policy = QueuePolicy(concurrency=3, execution_timeout_seconds=1, retry=RetryPolicy(max_attempts=2))
    driver = Driver(policy)
    driver.heartbeat(slots=1)
    driver.submit(3)
    assert driver.dispatched() == [101]
    driver.manager.notify_started(Started(101, 1, "w", NOW), NOW)
    driver.heartbeat(101, slots=0, draining=True)
    driver.heartbeat(worker="other", slots=1)
    assert driver.dispatched() == [102], "what drains is in nobody's way"
    driver.finish(102)
    driver.manager.call_roll(NOW + 100)
    driver.heartbeat(101, slots=0, draining=True)
    assert [(each.execution_id, each.attempt) for each in driver.close().handoffs] == [(101, 2)]


def test_load_counts_arrivals_and_run_time() -> None:
    driver = Driver(QueuePolicy(concurrency=5))
    driver.submit(5)
    driver.close()
    driver.finish(101, 102)
    queue = driver.manager.queue("core.echo")
    assert queue is not None
    load = queue.stats(NOW).load
    assert (load.peak_per_hour, load.average_duration_seconds) == (60.0, 2.0)


def test_what_workers_have_is_what_they_report_and_what_they_hold() -> None:
    driver = Driver(QueuePolicy(concurrency=6))
    driver.heartbeat(worker="idle", slots=10)
    driver.heartbeat(worker="leaves", slots=10)
    driver.submit(6)
    driver.close()
    driver.manager.notify_started(Started(101, 1, "w", NOW), NOW)
    driver.manager.notify_started(Started(103, 1, "leaves", NOW), NOW)
    driver.heartbeat(101, 102, 999)
    driver.heartbeat(103, worker="leaves", slots=0, draining=True)

    assert driver.manager.held_by_worker("default") == {"w": 2, "idle": 0}
    assert driver.manager.held_by_worker("elsewhere") == {}

    driver.finish(101)
    driver.close()
    assert driver.manager.held_by_worker("default") == {"w": 1, "idle": 0}
