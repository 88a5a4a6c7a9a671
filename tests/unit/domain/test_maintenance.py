"""When maintenance is due."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune_executor.domain.maintenance import (
    DAY,
    PURPOSES,
    SCHEDULES,
    SWITCHES,
    MaintenanceRules,
    Schedule,
    Task,
    rest_seconds,
)

MOMENTS = st.floats(0, 4e9)
PERIODS = st.sampled_from(list(SCHEDULES.values()))


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("task", "last", "due"),
    [
        (Task.SNAPSHOT_QUEUES, "2026-11-24 10:05:00", "2026-11-24 10:10:00"),
        (Task.SNAPSHOT_QUEUES, "2026-11-24 10:09:59.999", "2026-11-24 10:10:00"),
        (Task.DELETE_EXECUTIONS, "2026-11-24 10:59:59", "2026-11-24 11:00:00"),
        (Task.DELETE_SNAPSHOTS, "2026-11-24 02:59:59", "2026-11-24 03:00:00"),
        (Task.DELETE_SNAPSHOTS, "2026-11-24 03:00:00", "2026-11-25 03:00:00"),
        (Task.CLEAN_QUEUE_STATS, "2026-11-24 10:00:00", "2026-11-29 03:00:00"),  # a Sunday
        (Task.CLEAN_QUEUE_STATS, "2026-11-29 03:00:00", "2026-12-06 03:00:00"),
    ],
)
def test_next_run(task: Task, last: str, due: str) -> None:
    assert SCHEDULES[task].due_at(at(last), now=at(last) + 1) == at(due)


def test_schedules_are_told_in_words() -> None:
    assert {task: str(schedule) for task, schedule in SCHEDULES.items()} == {
        Task.SNAPSHOT_QUEUES: "every 5 minutes",
        Task.CLEAN_QUEUE_STATS: "Sundays at 03:00 UTC",
        Task.DELETE_SNAPSHOTS: "daily at 03:00 UTC",
        Task.COUNT_DAYS: "daily at 03:00 UTC",
        Task.DELETE_EXECUTIONS: "every hour",
    }


def test_what_can_be_switched_off_says_by_what() -> None:
    off = MaintenanceRules(snapshots=False, execution_retention_days=0, snapshot_retention_days=0)
    assert set(Task) - set(off.tasks()) == set(SWITCHES)
    assert set(PURPOSES) == set(Task)


def test_the_first_run_is_due_at_once() -> None:
    assert Schedule(300).due_at(None, now=1234.5) == 1234.5


def test_after_a_long_stop_one_run_is_due_and_then_the_grid_goes_on() -> None:
    schedule = Schedule(300)
    assert schedule.due_at(1000.0, now=10_000.0) <= 10_000.0
    assert schedule.due_at(10_000.0, now=10_001.0) == 10_200.0


def test_a_clock_that_was_set_back_does_not_stop_maintenance() -> None:
    schedule = Schedule(300)
    assert schedule.due_at(10_100.0, now=10_000.0) == 10_200.0
    assert schedule.due_at(50_000.0, now=10_000.0) == 10_000.0


@given(PERIODS, MOMENTS)
def test_each_run_is_due_within_a_period_and_never_twice_in_one(schedule: Schedule, last: float) -> None:
    due = schedule.due_at(last, now=last)
    assert last < due <= last + schedule.every_seconds
    # Started in time, the following one is exactly a period later.
    assert schedule.due_at(due, now=due) == due + schedule.every_seconds


def test_what_is_switched_off_is_no_task() -> None:
    assert MaintenanceRules().tasks() == list(Task)
    assert Task.SNAPSHOT_QUEUES not in MaintenanceRules(snapshots=False).tasks()
    assert Task.DELETE_EXECUTIONS not in MaintenanceRules(execution_retention_days=0).tasks()
    assert Task.DELETE_SNAPSHOTS not in MaintenanceRules(snapshot_retention_days=0).tasks()


def test_retention_counts_days() -> None:
    assert MaintenanceRules(execution_retention_days=2).executions_kept_since(10 * DAY) == 8 * DAY
    assert MaintenanceRules(snapshot_retention_days=3).snapshots_kept_since(10 * DAY) == 7 * DAY


def test_no_retention_makes_nothing_old() -> None:
    assert MaintenanceRules(execution_retention_days=0).executions_kept_since(10 * DAY) == 0


def test_most_of_the_time_is_rest() -> None:
    assert rest_seconds(0.5) == pytest.approx(4.5)
    assert rest_seconds(0.0) > 0
