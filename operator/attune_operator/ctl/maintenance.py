"""How maintenance stands, for people. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from attune_operator.ctl.errors import UsageError
from attune_operator.ctl.output import Grid
from attune_operator.ctl.queues import duration, shown
from attune_operator.ctl.throughput import brief

OVERDUE_SECONDS: Final = 3600
"""A task that was due so long ago and does not run is what the alert MaintenanceOverdue is about."""

Json: TypeAlias = dict[str, Any]


def maintenance_grid(tasks: Sequence[Mapping[str, Any]], now: datetime, *, wide: bool) -> Grid:
    """The tasks for people."""
    heads = ["TASK", "EVERY", "LAST RUN", "ROWS", "TOOK", "NEXT", "STATE"]
    more = ["PURPOSE", "SWITCH"]
    rows = [_cells(task, now, wide=wide) for task in tasks]
    troubled = {number: "red" for number, task in enumerate(tasks) if task["failure"] or overdue(task, now)}
    return Grid([*heads, *more] if wide else heads, rows, troubled)


def overdue(task: Mapping[str, Any], now: datetime) -> bool:
    """Whether a task should have run long ago."""
    due = _moment(task["due_at"])
    waits = task["enabled"] and not task["running"]
    return waits and due is not None and (now - due).total_seconds() > OVERDUE_SECONDS


def state(task: Mapping[str, Any], now: datetime) -> str:
    """How a task stands, in words."""
    if not task["enabled"]:
        return f"off: {task['switch']}" if task["switch"] else "off"
    if task["running"]:
        return "running"
    if task["failure"]:
        return f"failed, tried again: {task['failure']}"
    return "overdue" if overdue(task, now) else "fine"


def chosen_tasks(tasks: Sequence[Mapping[str, Any]], names: Sequence[str], *, every: bool) -> list[str]:
    """The tasks to run: those that are named, or all that are switched on.

    Raises:
        UsageError: none is named and all are not meant, or both.
    """
    if every == bool(names):
        known = ", ".join(task["task"] for task in tasks)
        raise UsageError(f"name tasks, or say --all; there are: {known}")
    return list(dict.fromkeys(names)) if names else [task["task"] for task in tasks if task["enabled"]]


def outcome(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[bool, str]:
    """What came of a run that was asked for: whether it succeeded, and a sentence."""
    name, last = after["task"], after["last_run"]
    if after["failure"]:
        return False, f"{name} failed: {after['failure']}"
    if last is None or last == before["last_run"]:
        return False, f"{name} was not done: the executor that was to do it has changed; run it again"
    rows = f"{last['rows']} {'row' if last['rows'] == 1 else 'rows'}"
    return True, f"{name}: {rows} in {brief(last['seconds'])} - {after['purpose']}"


def _cells(task: Mapping[str, Any], now: datetime, *, wide: bool) -> list[str]:
    last, due = task["last_run"], _moment(task["due_at"])
    began = None if last is None else _moment(last["started_at"])
    plain = [
        task["task"],
        task["schedule"].removeprefix("every "),
        "never" if began is None else f"{duration(max(0.0, (now - began).total_seconds()))} ago",
        shown(None if last is None else last["rows"]),
        brief(None if last is None else last["seconds"]),
        "-" if due is None or not task["enabled"] else _until((due - now).total_seconds()),
        state(task, now),
    ]
    return [*plain, task["purpose"], shown(task["switch"])] if wide else plain


def _until(seconds: float) -> str:
    return f"in {duration(seconds)}" if seconds > 0 else "now"


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
