"""Why the head of a queue waits, in the order in which an SRE removes the obstacles."""

import pytest

from attune_executor.domain.admission import Closure
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.policy import Admission, QueuePolicy, RateLimit
from attune_executor.domain.queue_manager import ExecutionQueueManager
from attune_executor.domain.standing import Standing, WaitsFor
from attune_executor.domain.submission import ExecutionRequest
from attune_executor.domain.workers import Heartbeat

NOW = 1_000_000.0
REF = "core.echo"


def stands(policy: QueuePolicy, slots: int = 0, submitted: int = 2, earlier: QueuePolicy | None = None) -> Standing:
    """How the queue stands after a turn with so many submissions, under a policy that may have been another before."""
    manager = ExecutionQueueManager()
    manager.set_policy(1, REF, earlier or policy, NOW)
    if slots:
        manager.notify_heartbeat(Heartbeat("w", "default", slots, draining=False, held=()), NOW)
    for number in range(submitted):
        manager.submit(ExecutionRequest(REF, b"{}"), number + 1, NOW)
    manager.set_policy(1, REF, policy, NOW)
    manager.close_turn(0, NOW)
    (found,) = manager.standings(NOW)
    return found


@pytest.mark.parametrize(
    ("policy", "slots", "waits_for"),
    [
        (QueuePolicy(concurrency=2, admission=Admission.HOLD), 0, WaitsFor.ADMISSION),
        (QueuePolicy(concurrency=1), 9, WaitsFor.CONCURRENCY),
        (QueuePolicy(concurrency=2), 0, WaitsFor.WORKER),
        (QueuePolicy(concurrency=2), 1, WaitsFor.SLOT),
        (QueuePolicy(concurrency=2), 2, None),
    ],
)
def test_the_first_obstacle_is_named(policy: QueuePolicy, slots: int, waits_for: WaitsFor | None) -> None:
    assert stands(policy, slots).waits_for is waits_for


def test_a_rate_limit_says_when_it_lets_go() -> None:
    limited = QueuePolicy(concurrency=2, rate_limit=RateLimit(1, 60.0))
    found = stands(limited, slots=9)
    assert (found.waits_for, found.goes_on_at, found.queue_length) == (WaitsFor.RATE_LIMIT, NOW + 60, 1)


def test_what_closes_an_action_is_told_apart() -> None:
    assert stands(QueuePolicy(concurrency=1)).closure is None
    assert stands(QueuePolicy(concurrency=1, admission=Admission.CLOSED)).closure is Closure.ADMISSION

    manager = ExecutionQueueManager()
    manager.set_policy(1, REF, QueuePolicy(concurrency=1, priority=4), NOW)
    manager.set_emergency(Emergency(max_queue_length=9, close_below_priority=5))
    assert [each.closure for each in manager.standings(NOW)] == [Closure.EMERGENCY]
    manager.set_enabled(1, enabled=False, now=NOW)
    assert [each.closure for each in manager.standings(NOW)] == [Closure.DISABLED]
    manager.remove_policy(REF, NOW)
    assert [each.closure for each in manager.standings(NOW)] == [Closure.NO_POLICY]
