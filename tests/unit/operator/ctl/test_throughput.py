"""What `attune throughput` makes of the executor's answer, and of the statuses where there is none."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from attune_operator.ctl.bars import bar, sparkline
from attune_operator.ctl.throughput import brief, busiest, from_statuses, throughput_grid, traffic
from attune_operator.resources import ActionQueuePolicy, ActionQueuePolicyStatus

NOW = datetime(2026, 12, 1, 12, 30, 40, tzinfo=UTC)


def counts(**found: Any) -> dict[str, Any]:
    return {
        "accepted": 0, "succeeded": 0, "failed": 0, "cancelled": 0, "timeout": 0, "elsewhere": 0, "mean_seconds": None,
        **found,
    }  # fmt: skip


def entry(action: str, enqueued: int, **found: Any) -> dict[str, Any]:
    return {
        "action_ref": action,
        "total_enqueued": enqueued,
        "total_completed": enqueued - 3,
        "pending": 3,
        "completion_pct": 98.5,
        "since": "2026-12-01T11:30:00+00:00",
        "last_5_minutes": counts(accepted=9, succeeded=5, timeout=1),
        "last_hour": counts(accepted=90, succeeded=50, timeout=10, mean_seconds=0.25),
        "minutes": None,
        **found,
    }


def test_the_runbooks_order_and_its_limit() -> None:
    entries = [entry("core.rare", 1), entry("core.busy", 900), entry("core.twin", 1)]
    assert [each["action_ref"] for each in busiest(entries, 2)] == ["core.busy", "core.rare"]


def test_the_columns_and_what_failed_lately() -> None:
    failing = entry("core.shell", 200, last_5_minutes=counts(failed=2))
    grid = throughput_grid([entry("core.echo", 203), failing], wide=False)
    assert dict(zip(grid.heads, grid.rows[0], strict=True)) == {
        "ACTION": "core.echo", "ENQUEUED": "203", "COMPLETED": "200", "PENDING": "3", "DONE": "98.50%",
        "IN/5M": "9", "OUT/5M": "6", "FAILED/5M": "0", "RUN TIME": "250ms",
    }  # fmt: skip
    assert grid.styles == {1: "yellow"}
    wide = throughput_grid([entry("core.echo", 203)], wide=True)
    assert dict(zip(wide.heads, wide.rows[0], strict=True))["TIMEOUT/H"] == "10"
    assert wide.rows[0][-1] == "11:30:00"


def test_without_the_executor_the_totals_are_those_of_the_statuses(
    make_policy: Callable[..., ActionQueuePolicy],
) -> None:
    status = ActionQueuePolicyStatus(total_enqueued=200, total_completed=197)
    known = make_policy().model_copy(update={"status": status})
    entries = from_statuses([known, make_policy("new")], NOW)
    assert [(each["total_enqueued"], each["pending"], each["completion_pct"]) for each in entries] == [
        (200, 3, 98.5),
        (None, None, None),
    ]
    rows = throughput_grid(entries, wide=True).rows
    assert list(rows[0][:5]) == ["core.echo", "200", "197", "3", "98.50%"]
    assert set(rows[0][5:]) == {"-"}


def test_the_traffic_of_the_hour_ends_with_the_present_minute() -> None:
    minutes = [
        {
            "minute": (NOW - timedelta(minutes=ago)).replace(second=0).isoformat(),
            **counts(accepted=came, succeeded=went),
        }
        for ago, came, went in ((59, 7, 0), (1, 0, 7), (0, 14, 0))
    ]
    heading, came, went = traffic(entry("core.echo", 5, minutes=minutes), NOW)
    assert heading == "By the minute, from 11:30 to 12:30 UTC:"
    assert came == f"accepted  ▁▅{'▁' * 58}█  most 14"
    assert went == f"ended     {'▁' * 59}█▁  most 7"


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0.0004, "0ms"), (0.25, "250ms"), (1.5, "1.50s"), (12.7, "12s"), (200, "3m20s")]
)
def test_run_times_down_to_milliseconds(seconds: float | None, text: str) -> None:
    assert brief(seconds) == text


def test_bars() -> None:
    assert [bar(value, 8, 4) for value in (0, 0.01, 1, 4, 8)] == ["", "▏", "▌", "██", "████"]
    assert bar(0, 0, 4) == ""
    assert sparkline([], 4) == "    "
    assert sparkline([0, 0], 4) == "  ▁▁"
    assert sparkline([9, 0, 1, 50, 100], 4) == "▁▂▅█"
