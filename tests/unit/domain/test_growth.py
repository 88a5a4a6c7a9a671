"""Growth by day and within minutes, from what is known of the past."""

from datetime import date

from attune_executor.domain.growth import (
    CountedDays,
    DayCount,
    QueueGrowth,
    Snapshot,
    SnapshotRow,
    day_of,
    growth,
    queue_growth,
)
from attune_executor.domain.stats import Load, QueueStats

MONDAY, WEDNESDAY, THURSDAY = date(2026, 11, 23), date(2026, 11, 25), date(2026, 11, 26)


def queue(action_id: int, ref: str, waiting: int = 0, enqueued: int = 0) -> QueueStats:
    return QueueStats(action_id, ref, waiting, 0, 1, None, enqueued, 0, 0, 0.0, Load(0.0, None))


def test_days_without_executions_are_shown_and_what_is_in_none_is_counted() -> None:
    days = [DayCount(MONDAY, 50, succeeded=40, succeeded_seconds=80.0, ran=44, run_seconds=22.0)]
    known = CountedDays(THURSDAY, days, {1: 50, 2: 9})
    grown = growth(known, [queue(1, "core.echo", enqueued=57), queue(2, "core.old", enqueued=9), queue(3, "new", 0, 5)])
    assert [(day.day.day, day.executions) for day in grown.days] == [(23, 50), (24, 0), (25, 0)]
    assert (grown.since, grown.so_far) == (THURSDAY, 12)
    assert (days[0].average_duration_seconds, days[0].average_run_seconds) == (2.0, 0.5)
    assert grown.days[1].average_duration_seconds is None


def test_a_day_that_is_not_over_counts_as_so_far() -> None:
    known = CountedDays(WEDNESDAY, [DayCount(WEDNESDAY, 4)], {1: 4})
    assert growth(known, [queue(1, "core.echo", enqueued=10)]).so_far == 10
    never = growth(CountedDays(None, [], {}), [queue(1, "core.echo", enqueued=3)])
    assert (list(never.days), never.since, never.so_far) == ([], None, 3)


def test_the_runbooks_growth_rate_the_fastest_first() -> None:
    snapshot = Snapshot(0.0, {1: SnapshotRow(10, 1, 100), 2: SnapshotRow(40, 1, 50)})
    queues = [
        queue(1, "core.grows", waiting=25, enqueued=130),
        queue(2, "core.drains", waiting=0, enqueued=55),
        queue(3, "core.woke", waiting=7, enqueued=9),
        queue(4, "core.idle", enqueued=1000),
    ]
    assert queue_growth(queues, snapshot) == [
        QueueGrowth("core.grows", 25, 10, 15, 30),
        QueueGrowth("core.woke", 7, 0, 7, None),
        QueueGrowth("core.drains", 0, 40, -40, 5),
    ]


def test_without_a_snapshot_only_the_present_is_known() -> None:
    assert queue_growth([queue(1, "core.echo", waiting=2), queue(2, "core.idle")], None) == [
        QueueGrowth("core.echo", 2, None, None, None)
    ]


def test_days_are_those_of_utc() -> None:
    assert (day_of(86_399.9), day_of(86_400.0)) == (date(1970, 1, 1), date(1970, 1, 2))
