"""What came and what ended in the last minutes: every end in its column, every minute for as long as people look."""

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.lines import WaitingPlace
from attune_executor.domain.load import LoadMeter, Minute
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.queue_manager import ExecutionQueueManager
from attune_executor.domain.records import Accepted, Finished
from attune_executor.domain.submission import ExecutionRequest
from attune_executor.domain.throughput import Throughput, busiest_first, throughput
from attune_executor.domain.workers import Heartbeat

MINUTE = 60.0
NOON = 43_200.0
REF = "core.echo"
POLICY = QueuePolicy(concurrency=2, queue_timeout_seconds=120, peak_window_seconds=300)


def begin(count: int) -> tuple[ExecutionQueueManager, list[Accepted]]:
    manager = ExecutionQueueManager()
    manager.notify_heartbeat(Heartbeat("w", "default", 10, False, []), NOON)
    manager.set_policy(1, REF, POLICY, NOON)
    rows = [manager.submit(ExecutionRequest(REF, b"{}"), number, NOON) for number in range(1, count + 1)]
    manager.close_turn(0, NOON)
    return manager, [row for row in rows if isinstance(row, Accepted)]


def end(manager: ExecutionQueueManager, execution_id: int, status: ExecutionStatus, at: float, seconds: float) -> None:
    manager.notify_completion(Finished(execution_id, 1, status, None, "w", at - seconds, at), at)


def seen(manager: ExecutionQueueManager, now: float) -> Throughput:
    queue = manager.queue(REF)
    assert queue is not None
    return throughput(queue, now)


def test_every_end_is_in_its_own_column() -> None:
    manager, rows = begin(7)
    # Two run and five wait: one of them is cancelled, one ended by SQL, the rest time out.
    end(manager, 1, ExecutionStatus.SUCCEEDED, NOON + 10, 4.0)
    end(manager, 2, ExecutionStatus.FAILED, NOON + 10, 2.0)
    manager.cancel(7, WaitingPlace(1, None, rows[6].queue_order), NOON + 10)
    manager.notify_ended_elsewhere(6, NOON + 10, WaitingPlace(1, None, rows[5].queue_order))
    manager.advance(NOON + 125)

    lately = seen(manager, NOON + 125)

    assert (lately.total_enqueued, lately.total_completed, lately.pending) == (7, 7, 0)
    assert lately.completion_pct == 100.0
    assert lately.hour._asdict() == {
        "accepted": 7, "succeeded": 1, "failed": 1, "cancelled": 1, "timeout": 3, "elsewhere": 1,
        "ran": 2, "run_seconds": 6.0,
    }  # fmt: skip
    assert (lately.hour.ended, lately.hour.mean_seconds) == (7, 3.0)
    assert [(minute.start, minute.tally.ended) for minute in lately.minutes] == [(NOON, 4), (NOON + 120, 3)]


def test_the_last_five_minutes_and_the_last_hour_whatever_the_window_of_the_policy() -> None:
    manager, _ = begin(2)
    end(manager, 1, ExecutionStatus.SUCCEEDED, NOON + 30 * MINUTE, 1.0)
    end(manager, 2, ExecutionStatus.SUCCEEDED, NOON + 58 * MINUTE, 1.0)

    now = NOON + 60 * MINUTE
    assert (seen(manager, now).hour.accepted, seen(manager, now).hour.succeeded) == (2, 2)
    assert (seen(manager, now).recent.accepted, seen(manager, now).recent.succeeded) == (0, 1)
    later = seen(manager, now + 5 * MINUTE)
    assert (later.hour.accepted, later.hour.succeeded, later.recent.succeeded) == (0, 2, 0)
    assert (later.total_enqueued, later.since) == (2, now + 5 * MINUTE - 3600)
    assert seen(manager, NOON + 100 * MINUTE).hour.succeeded == 1
    assert not seen(manager, NOON + 1000 * MINUTE).minutes


def test_a_short_window_keeps_no_more_than_an_hour() -> None:
    meter = LoadMeter(window_seconds=60)
    for number in range(500):
        meter.arrived(number * MINUTE)
    assert len(meter.minutes(499 * MINUTE, 10_000)) == 61
    assert meter.load(499 * MINUTE).peak_per_hour == 60, "what is kept for people is not part of the window"


def test_the_history_tells_how_what_this_meter_only_knows_to_be_gone_has_ended() -> None:
    meter = LoadMeter(window_seconds=300, since=NOON)
    meter.ended(NOON, None)
    meter.ended(NOON, None)
    meter.ended(NOON, ExecutionStatus.SUCCEEDED)
    before = Minute(int(NOON // MINUTE) - 20)
    before.ended(ExecutionStatus.CANCELLED, 9)
    present = Minute(int(NOON // MINUTE), arrivals=3)
    present.ended(ExecutionStatus.FAILED)
    present.ended(ExecutionStatus.SUCCEEDED)

    meter.calibrate([present, before], None, NOON, NOON - 1800)

    minutes = meter.minutes(NOON)
    assert [(each.succeeded, each.failed, each.cancelled, each.elsewhere) for each in minutes] == [
        (0, 0, 9, 0),
        (1, 1, 0, 1),
    ]
    assert meter.since == NOON - 1800


def test_the_busiest_action_comes_first() -> None:
    one, other = (seen(begin(count)[0], NOON) for count in (3, 5))
    assert busiest_first([one, other]) == [other, one]
