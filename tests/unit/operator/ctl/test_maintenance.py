"""What `attune maintenance` says of the tasks, and of a run that was asked for."""

from datetime import UTC, datetime
from typing import Any

import pytest

from attune_operator.ctl.errors import UsageError
from attune_operator.ctl.maintenance import chosen_tasks, maintenance_grid, outcome, state

NOW = datetime(2026, 12, 1, 12, 30, tzinfo=UTC)
RUN = {"started_at": "2026-12-01T12:00:00+00:00", "seconds": 0.25, "rows": 12}
LATER = {"started_at": "2026-12-01T12:29:00+00:00", "seconds": 1.5, "rows": 1}


def task(name: str = "delete-executions", **found: Any) -> dict[str, Any]:
    return {
        "task": name,
        "purpose": "deletes what is old",
        "schedule": "every hour",
        "every_seconds": 3600,
        "enabled": True,
        "switch": "spec.retention.executionDays",
        "last_run": RUN,
        "due_at": "2026-12-01T13:00:00+00:00",
        "running": False,
        "failure": None,
        "failures": 0,
        **found,
    }


def test_the_table() -> None:
    grid = maintenance_grid([task(), task(last_run=None, failure="database away")], NOW, wide=False)
    assert dict(zip(grid.heads, grid.rows[0], strict=True)) == {
        "TASK": "delete-executions", "EVERY": "hour", "LAST RUN": "30m ago", "ROWS": "12", "TOOK": "250ms",
        "NEXT": "in 30m", "STATE": "fine",
    }  # fmt: skip
    assert list(grid.rows[1][2:5]) == ["never", "-", "-"]
    assert grid.styles == {1: "red"}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "fine"),
        ({"running": True, "due_at": "2026-12-01T03:00:00+00:00"}, "running"),
        ({"due_at": "2026-12-01T12:00:00+00:00"}, "fine"),
        ({"due_at": "2026-12-01T11:00:00+00:00"}, "overdue"),
        ({"failure": "database away"}, "failed, tried again: database away"),
        ({"enabled": False}, "off: spec.retention.executionDays"),
    ],
)
def test_the_state_in_words(found: dict[str, Any], words: str) -> None:
    assert state(task(**found), NOW) == words


def test_tasks_are_named_or_all_are_meant() -> None:
    tasks = [task("one"), task("two"), task("off", enabled=False)]
    assert chosen_tasks(tasks, ["two", "two"], every=False) == ["two"]
    assert chosen_tasks(tasks, [], every=True) == ["one", "two"]
    for names, every in (([], False), (["one"], True)):
        with pytest.raises(UsageError, match="one, two, off"):
            chosen_tasks(tasks, names, every=every)


def test_what_came_of_a_run() -> None:
    assert outcome(task(), task(last_run=LATER)) == (
        True,
        "delete-executions: 1 row in 1.50s - deletes what is old",
    )
    assert outcome(task(), task(failure="no room"))[1] == "delete-executions failed: no room"
    succeeded, sentence = outcome(task(), task())
    assert not succeeded
    assert "run it again" in sentence
