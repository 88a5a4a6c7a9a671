"""What `attune growth` and `attune report` make of the executor's answers."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from attune_operator.ctl.capacity import Load
from attune_operator.ctl.growth import Trend, compared_with, days_grid, planned, queue_growth_grid, trend
from attune_operator.ctl.queues import queue_of
from attune_operator.ctl.reporting import plan, unchanged
from attune_operator.resources import ActionQueuePolicy

MakePolicy = Callable[..., ActionQueuePolicy]
NOW = datetime(2026, 12, 1, 12, 30, tzinfo=UTC)
RUNBOOK = Load(peak_per_hour=10_000, average_duration_seconds=5, slots_per_worker=10, buffer_percent=50)


def day(name: str, executions: int, **found: Any) -> dict[str, Any]:
    return {
        "day": name, "executions": executions, "succeeded": 0, "failed": 0, "other": 0, "unfinished": 0,
        "average_duration_seconds": None, "average_run_seconds": None, **found,
    }  # fmt: skip


def test_the_growth_rate_in_the_runbooks_columns() -> None:
    queues = [
        {"action_ref": "core.echo", "queue_now": 25, "queue_5min_ago": 10, "growth": 15, "new_requests": 30},
        {"action_ref": "core.same", "queue_now": 1, "queue_5min_ago": 1, "growth": 0, "new_requests": 4},
        {"action_ref": "core.new", "queue_now": 2, "queue_5min_ago": None, "growth": None, "new_requests": None},
    ]
    grid = queue_growth_grid(queues)
    assert [list(row) for row in grid.rows] == [
        ["core.echo", "25", "10", "+15", "30"],
        ["core.same", "1", "1", "0", "4"],
        ["core.new", "2", "-", "-", "-"],
    ]
    assert grid.styles == {0: "yellow"}


def test_what_the_queues_are_compared_with() -> None:
    assert compared_with("2026-12-01T12:25:00+00:00", NOW) == "Compared with the snapshot of 12:25:00 UTC, 5m ago."
    assert "no snapshot" in compared_with(None, NOW)


def test_the_days_their_change_and_a_bar_for_each() -> None:
    days = [
        day("2026-11-28", 0),
        day("2026-11-29", 50, succeeded=49, failed=1, average_duration_seconds=1.5, average_run_seconds=0.25),
        day("2026-11-30", 100, average_duration_seconds=2.0),
    ]
    grown = {"days": days, "so_far": {"since": "2026-12-01", "executions": 25}}
    rows = [list(row) for row in days_grid(grown, wide=False).rows]
    assert rows == [
        ["2026-11-28", "0", "-", "-", ""],
        ["2026-11-29", "50", "-", "1.50s", "█" * 12],
        ["2026-11-30", "100", "+100%", "2.00s", "█" * 24],
        ["since 2026-12-01", "25", "-", "-", "█" * 6],
    ]
    wide = days_grid(grown, wide=True)
    assert dict(zip(wide.heads, wide.rows[1], strict=True))["FAILED"] == "1"
    assert {len(row) for row in wide.rows} == {len(wide.heads)}
    empty: dict[str, Any] = {"days": [], "so_far": {"since": None, "executions": 0}}
    assert [list(row) for row in days_grid(empty, wide=False).rows] == [["so far", "0", "-", "-", ""]]


def test_a_line_through_the_days() -> None:
    line = trend([100, 110, 120, 130, 140, 150, 160, 170])
    assert line is not None
    assert (line.per_day, line.per_week) == (pytest.approx(170), pytest.approx(70))
    assert line.after(2) == pytest.approx(310 / 170)
    assert str(Trend(1000, -50)) == "1,000 executions a day, -5.0% a week"
    assert Trend(100, -50).after(10) == 0
    assert trend([100] * 6) is None, "a week is the least"
    assert trend([0] * 30) is None


def test_the_runbooks_example_in_some_weeks() -> None:
    now, then = planned(RUNBOOK, Trend(1000, 100), 10)
    assert now is not None
    assert then is not None
    assert (now.recommended, then.peak_per_hour, then.recommended) == (3, 20_000, 5)
    assert planned(RUNBOOK, None, 10) == (now, None)
    assert planned(replace(RUNBOOK, peak_per_hour=None), Trend(1, 1), 10) == (None, None)


def test_a_policy_that_was_not_measured_has_no_plan_but_its_growth(make_policy: MakePolicy) -> None:
    found = plan(make_policy(), Trend(1000, 100), 13)
    assert found == {
        "policy": "echo",
        "action": "core.echo",
        "executions_per_day": 1000,
        "growth_per_week_pct": 10.0,
        "workers_now": None,
        "workers_then": None,
        "max_replicas": None,
    }


def test_queues_that_have_not_changed_for_half_an_hour(make_policy: MakePolicy) -> None:
    queue = queue_of(make_policy(), NOW)
    still, moving = (replace(queue, last_updated=NOW - timedelta(minutes=minutes)) for minutes in (31, 29))
    assert unchanged([still, moving, queue], NOW) == [still]
