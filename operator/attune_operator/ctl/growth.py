"""How the load grows, for people: the queues within minutes, executions by day, and what that asks of workers. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from attune_operator.ctl.bars import bar
from attune_operator.ctl.capacity import Capacity, Load, capacity
from attune_operator.ctl.errors import UsageError
from attune_operator.ctl.output import Grid
from attune_operator.ctl.queues import duration, shown
from attune_operator.ctl.throughput import brief

WEEK_DAYS: Final = 7
_FEWEST_DAYS: Final = 7
"""With fewer the day of the week would be taken for growth."""
_BAR: Final = 24
_ENDS: Final = ("succeeded", "failed", "other", "unfinished")

Json: TypeAlias = dict[str, Any]


def queue_growth_grid(queues: Sequence[Mapping[str, Any]]) -> Grid:
    """The runbook's growth rate: its columns, the fastest growing first."""
    heads = ["ACTION", "QUEUE NOW", "5 MIN AGO", "GROWTH", "NEW REQUESTS"]
    rows = [
        [
            queue["action_ref"],
            shown(queue["queue_now"]),
            shown(queue["queue_5min_ago"]),
            _signed(queue["growth"]),
            shown(queue["new_requests"]),
        ]
        for queue in queues
    ]
    growing = {number: "yellow" for number, queue in enumerate(queues) if (queue["growth"] or 0) > 0}
    return Grid(heads, rows, growing)


def compared_with(snapshot_time: str | None, now: datetime) -> str:
    """What the queues are compared with, in a sentence."""
    if snapshot_time is None:
        return "There is no snapshot of about 5 minutes ago to compare with: nothing waited or ran, or none are taken."
    taken = datetime.fromisoformat(snapshot_time).astimezone(UTC)
    return f"Compared with the snapshot of {taken:%H:%M:%S} UTC, {duration((now - taken).total_seconds())} ago."


def days_grid(growth: Mapping[str, Any], *, wide: bool) -> Grid:
    """Executions by day, the latest last; then those that are in no day yet."""
    days, so_far = growth["days"], growth["so_far"]
    heads = ["DAY", "EXECUTIONS", "CHANGE", "DURATION"]
    more = ["RUN TIME", *(name.upper() for name in _ENDS)] if wide else []
    most = max([so_far["executions"], *(day["executions"] for day in days)])
    rows = [_day_cells(before, day, most, wide=wide) for before, day in zip([None, *days], days, strict=False)]
    since = f"since {so_far['since']}" if so_far["since"] else "so far"
    nothing = ["-"] * (2 + len(more))
    rows.append([since, str(so_far["executions"]), *nothing, bar(so_far["executions"], most, _BAR)])
    return Grid([*heads, *more, ""], rows, {})


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through the executions of each day, by least squares.

    Attributes:
        per_day: executions that the line has on its last day.
        per_week: by how much it rises in a week; negative where it falls.
    """

    per_day: float
    per_week: float

    def after(self, weeks: int) -> float:
        """How many times as many executions there are so many weeks later; 0 where the line would be below 0."""
        return max(0.0, 1 + self.per_week * weeks / self.per_day)

    def __str__(self) -> str:
        """For people."""
        rise = self.per_week / self.per_day * 100
        return f"{self.per_day:,.0f} executions a day, {rise:+.1f}% a week"


def trend(executions: Sequence[int]) -> Trend | None:
    """The trend of the days, the latest last; None where there are too few of them to tell, or the line ends at 0."""
    count = len(executions)
    if count < _FEWEST_DAYS:
        return None
    middle = (count - 1) / 2
    mean = sum(executions) / count
    spread = sum((number - middle) ** 2 for number in range(count))
    slope = sum((number - middle) * value for number, value in enumerate(executions)) / spread
    last = mean + slope * middle
    return Trend(last, slope * WEEK_DAYS) if last > 0 else None


def planned(load: Load, line: Trend | None, weeks: int) -> tuple[Capacity | None, Capacity | None]:
    """The workers that ``load`` needs now, and in ``weeks`` if its peak grows as the days do; None where unknown."""
    try:
        now = capacity(load)
    except UsageError:
        return None, None
    if line is None:
        return now, None
    return now, capacity(replace(load, peak_per_hour=now.peak_per_hour * line.after(weeks)))


def _day_cells(before: Mapping[str, Any] | None, day: Mapping[str, Any], most: int, *, wide: bool) -> list[str]:
    more = [brief(day["average_run_seconds"]), *(str(day[name]) for name in _ENDS)] if wide else []
    lasted, along = brief(day["average_duration_seconds"]), bar(day["executions"], most, _BAR)
    return [day["day"], str(day["executions"]), _change(before, day), lasted, *more, along]


def _change(before: Mapping[str, Any] | None, day: Mapping[str, Any]) -> str:
    if before is None or not before["executions"]:
        return "-"
    return f"{(day['executions'] / before['executions'] - 1) * 100:+.0f}%"


def _signed(value: int | None) -> str:
    return shown(value) if value is None or value == 0 else f"{value:+d}"
