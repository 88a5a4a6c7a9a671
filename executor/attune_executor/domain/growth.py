"""How the load grows: by day for planning, and within minutes for whoever watches a queue. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from attune_executor.domain.stats import QueueStats

GROWTH_SECONDS: Final = 300
"""How far apart the runbook's "Queue Growth Rate" has the two pictures of a queue."""
_DAY: Final = timedelta(days=1)


class DayCount(NamedTuple):
    """The executions that were accepted on one day, by UTC.

    Attributes:
        other: cancelled or timed out.
        unfinished: had not ended when they were counted.
        succeeded_seconds: from acceptance to end, of all that succeeded together.
        ran: those that ended after they had run; ``run_seconds`` together.
    """

    day: date
    executions: int = 0
    succeeded: int = 0
    failed: int = 0
    other: int = 0
    unfinished: int = 0
    succeeded_seconds: float = 0.0
    ran: int = 0
    run_seconds: float = 0.0

    @property
    def average_duration_seconds(self) -> float | None:
        """From acceptance to end of those that succeeded, as the runbook measures it; None of none."""
        return self.succeeded_seconds / self.succeeded if self.succeeded else None

    @property
    def average_run_seconds(self) -> float | None:
        """Run time of those that ran; None of none."""
        return self.run_seconds / self.ran if self.ran else None


class CountedDays(NamedTuple):
    """What is known of the days.

    Attributes:
        until: every execution accepted before this day is in its day; None before the first count.
        days: those with executions, in order.
        last_orders: up to which queue order each action's executions are in their days, by action id.
    """

    until: date | None
    days: Sequence[DayCount]
    last_orders: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Growth:
    """Executions by day, the latest last, and those accepted since the last whole day that was counted."""

    days: Sequence[DayCount]
    since: date | None
    so_far: int


class SnapshotRow(NamedTuple):
    """One queue in a snapshot."""

    queue_length: int
    active_count: int
    total_enqueued: int


class Snapshot(NamedTuple):
    """The queues that were not empty or idle at ``taken_at`` (Unix seconds), by action id."""

    taken_at: float
    queues: Mapping[int, SnapshotRow]


class QueueGrowth(NamedTuple):
    """How one queue grew since a snapshot: the runbook's columns. Figures are None where there is no snapshot.

    ``new_requests`` is None also for a queue that was empty and idle then: a snapshot leaves it out.
    """

    action_ref: str
    queue_now: int
    queue_5min_ago: int | None
    growth: int | None
    new_requests: int | None


def day_of(unix_seconds: float) -> date:
    """The day of a moment, by UTC."""
    return datetime.fromtimestamp(unix_seconds, UTC).date()


def growth(known: CountedDays, queues: Iterable[QueueStats]) -> Growth:
    """Growth of these queues together, days without executions included.

    Args:
        known: the days of these queues.
        queues: as they are now.
    """
    so_far = sum(max(0, queue.total_enqueued - known.last_orders.get(queue.action_id, 0)) for queue in queues)
    whole = [day for day in known.days if known.until is not None and day.day < known.until]
    # Before a day is over only executions that are about to be deleted are counted in it.
    so_far += sum(day.executions for day in known.days) - sum(day.executions for day in whole)
    if not whole or known.until is None:
        return Growth(whole, known.until, so_far)
    by_day = {day.day: day for day in whole}
    first = whole[0].day
    everyday = [first + _DAY * number for number in range((known.until - first).days)]
    return Growth([by_day.get(day, DayCount(day)) for day in everyday], known.until, so_far)


def queue_growth(queues: Iterable[QueueStats], snapshot: Snapshot | None) -> list[QueueGrowth]:
    """Queues that hold something now or held something then, the fastest growing first."""
    found: list[QueueGrowth] = []
    for queue in queues:
        then = None if snapshot is None else snapshot.queues.get(queue.action_id)
        if then is None and not queue.queue_length and not queue.active_count:
            continue
        before = None if snapshot is None else 0 if then is None else then.queue_length
        found.append(
            QueueGrowth(
                queue.action_ref,
                queue.queue_length,
                before,
                None if before is None else queue.queue_length - before,
                None if then is None else queue.total_enqueued - then.total_enqueued,
            )
        )
    return sorted(found, key=lambda each: (-(each.growth or 0), -each.queue_now, each.action_ref))
