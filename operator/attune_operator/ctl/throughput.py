"""What came and what ended by action, for people: from the executor, or from the policies' statuses. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from attune_operator.ctl.bars import sparkline
from attune_operator.ctl.output import Grid
from attune_operator.ctl.queues import duration, queue_of, shown
from attune_operator.resources import ActionQueuePolicy

MINUTES: Final = 60
_MINUTE: Final = timedelta(minutes=1)
_ENDS: Final = ("succeeded", "failed", "cancelled", "timeout", "elsewhere")

Json: TypeAlias = dict[str, Any]


def from_statuses(policies: Iterable[ActionQueuePolicy], now: datetime) -> list[Json]:
    """The totals that the policies' statuses tell, in the shape of the executor's answer."""
    queues = [queue_of(policy, now) for policy in policies]
    return [
        {
            "action_ref": queue.action,
            "total_enqueued": queue.total_enqueued,
            "total_completed": queue.total_completed,
            "pending": None
            if queue.total_enqueued is None or queue.total_completed is None
            else queue.total_enqueued - queue.total_completed,
            "completion_pct": queue.completion_pct,
            "since": None,
            "last_5_minutes": None,
            "last_hour": None,
            "minutes": None,
        }
        for queue in queues
    ]


def busiest(entries: Iterable[Json], limit: int) -> list[Json]:
    """The first ``limit`` in the runbook's order: by what was ever accepted, the most first."""
    return sorted(entries, key=lambda entry: (-(entry["total_enqueued"] or 0), entry["action_ref"]))[:limit]


def throughput_grid(entries: Sequence[Json], *, wide: bool) -> Grid:
    """Actions for people: the runbook's columns, then the last five minutes."""
    heads = ["ACTION", "ENQUEUED", "COMPLETED", "PENDING", "DONE", "IN/5M", "OUT/5M", "FAILED/5M", "RUN TIME"]
    more = ["IN/H", *(f"{end.upper()}/H" for end in _ENDS), "SINCE"]
    rows = [_cells(entry, wide=wide) for entry in entries]
    recent = [entry["last_5_minutes"] for entry in entries]
    failing = {number: "yellow" for number, counts in enumerate(recent) if counts is not None and counts["failed"]}
    return Grid([*heads, *more] if wide else heads, rows, failing)


def ended(counts: Mapping[str, Any]) -> int:
    """Executions that ended, however they did."""
    return sum(counts[end] for end in _ENDS)


def traffic(entry: Mapping[str, Any], now: datetime) -> list[str]:
    """The traffic of one action by the minute, as lines of a name and a sparkline that ends with the present minute."""
    by_minute = {_moment(minute["minute"]): minute for minute in entry["minutes"]}
    present = now.replace(second=0, microsecond=0)
    moments = [present - _MINUTE * back for back in range(MINUTES, -1, -1)]
    came = [by_minute[moment]["accepted"] if moment in by_minute else 0 for moment in moments]
    went = [ended(by_minute[moment]) if moment in by_minute else 0 for moment in moments]
    return [
        f"By the minute, from {moments[0]:%H:%M} to {present:%H:%M} UTC:",
        f"accepted  {sparkline(came, len(came))}  most {max(came)}",
        f"ended     {sparkline(went, len(went))}  most {max(went)}",
    ]


def _cells(entry: Json, *, wide: bool) -> list[str]:
    recent, hour = entry["last_5_minutes"], entry["last_hour"]
    percent = entry["completion_pct"]
    lately = (None, None, None) if recent is None else (recent["accepted"], ended(recent), recent["failed"])
    cells = [
        entry["action_ref"],
        *(shown(entry[name]) for name in ("total_enqueued", "total_completed", "pending")),
        shown(None if percent is None else f"{percent:.2f}%"),
        *map(shown, lately),
        brief(None if hour is None else hour["mean_seconds"]),
    ]
    if not wide:
        return cells
    since = None if entry["since"] is None else f"{_moment(entry['since']):%H:%M:%S}"
    return [*cells, *(shown(None if hour is None else hour[name]) for name in ("accepted", *_ENDS)), shown(since)]


def brief(seconds: float | None) -> str:
    """Seconds as people say them, down to milliseconds."""
    if seconds is None or seconds >= 10:  # noqa: PLR2004 - beyond that nobody looks at the digits behind the point
        return duration(seconds)
    return f"{seconds:.2f}s" if seconds >= 1 else f"{seconds * 1000:.0f}ms"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
