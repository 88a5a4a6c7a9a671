"""What meets in one turn: found by the state machine, each kept here as the shortest story that shows it."""

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.lines import WaitingPlace
from attune_executor.domain.policy import QueuePolicy, RateLimit, RetryPolicy
from attune_executor.domain.queue_manager import ExecutionQueueManager
from attune_executor.domain.records import Accepted, Finished, Started
from attune_executor.domain.submission import ExecutionRequest, Intervention, Refusal
from attune_executor.domain.workers import Heartbeat

NOW = 1_000_000.0


def managing(policies: dict[str, QueuePolicy], slots: int = 10) -> ExecutionQueueManager:
    manager = ExecutionQueueManager()
    for number, (ref, policy) in enumerate(policies.items(), start=1):
        manager.set_policy(number, ref, policy, NOW)
    manager.notify_heartbeat(Heartbeat("w", "default", slots, draining=False, held=()), NOW)
    manager.close_turn(0, NOW)
    return manager


def submit(manager: ExecutionQueueManager, ref: str, execution_id: int, now: float = NOW) -> Accepted | Refusal:
    return manager.submit(ExecutionRequest(ref, b"{}"), execution_id, now)


def test_two_queues_are_not_promised_the_same_slot() -> None:
    never_wait = QueuePolicy(concurrency=1, max_queue_length=0)
    manager = managing({"a": never_wait, "b": never_wait}, slots=1)
    assert isinstance(submit(manager, "a", 1), Accepted)
    assert isinstance(submit(manager, "b", 2), Refusal)
    assert [handoff.execution_id for handoff in manager.close_turn(0, NOW).handoffs] == [1]


def test_a_slot_that_becomes_free_is_not_promised_past_the_queue_that_waits_for_it() -> None:
    manager = managing({"a": QueuePolicy(concurrency=1, max_queue_length=0), "b": QueuePolicy(concurrency=1)}, slots=0)
    submit(manager, "b", 1)
    manager.close_turn(0, NOW)
    manager.notify_heartbeat(Heartbeat("w", "default", 1, draining=False, held=()), NOW)
    assert isinstance(submit(manager, "a", 2), Refusal)
    assert [handoff.execution_id for handoff in manager.close_turn(0, NOW).handoffs] == [1]


def test_a_cancel_is_durable_in_the_turn_in_which_its_execution_starts() -> None:
    manager = managing({"a": QueuePolicy(concurrency=1)})
    submit(manager, "a", 1)
    manager.close_turn(0, NOW)
    manager.notify_started(Started(1, 1, "w", NOW), NOW)
    assert manager.cancel(1, WaitingPlace(1, None, 1), NOW) is Intervention.CANCELLING
    assert manager.close_turn(1, NOW).record.cancelling == [1]


def test_a_cancel_is_durable_in_the_turn_in_which_its_execution_was_to_run_again() -> None:
    manager = managing({"a": QueuePolicy(concurrency=1, retry=RetryPolicy(max_attempts=2))})
    submit(manager, "a", 1)
    manager.close_turn(0, NOW)
    manager.notify_completion(Finished(1, 1, ExecutionStatus.FAILED, None, "w", NOW, NOW), NOW)
    assert manager.cancel(1, WaitingPlace(1, None, 1), NOW) is Intervention.CANCELLED
    decision = manager.close_turn(1, NOW)
    assert [row.status for row in decision.record.finished] == [ExecutionStatus.CANCELLED]
    assert not decision.handoffs


def test_a_wider_rate_limit_is_looked_at_when_it_lets_go() -> None:
    manager = managing({"a": QueuePolicy(concurrency=9, rate_limit=RateLimit(1, 3600))})
    submit(manager, "a", 1)
    submit(manager, "a", 2)
    manager.close_turn(0, NOW)
    manager.set_policy(1, "a", QueuePolicy(concurrency=9, rate_limit=RateLimit(1, 10)), NOW + 1)
    manager.close_turn(1, NOW + 1)
    assert manager.next_due is not None
    assert manager.next_due <= NOW + 11
