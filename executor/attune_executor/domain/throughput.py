"""What came and what ended lately: the runbook's "Top Actions by Throughput", and what it asks of a busy queue.

Nothing is counted here: the load meters count, minute by minute, and this adds up.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.load import BUCKET_SECONDS, KEPT_MINUTES, Minute

RECENT_MINUTES: Final = 5
"""As far back as the runbook looks for recent completions."""


class Tally(NamedTuple):
    """Executions that came and that ended in a stretch of time.

    Attributes:
        elsewhere: ended or deleted by somebody's SQL.
        ran: those that ended after they had run; ``run_seconds`` together.
    """

    accepted: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    timeout: int = 0
    elsewhere: int = 0
    ran: int = 0
    run_seconds: float = 0.0

    @property
    def ended(self) -> int:
        """Executions that ended, however they did."""
        return self.succeeded + self.failed + self.cancelled + self.timeout + self.elsewhere

    @property
    def mean_seconds(self) -> float | None:
        """Mean run time of those that ran; None of none."""
        return self.run_seconds / self.ran if self.ran else None


class MinuteTally(NamedTuple):
    """One minute, which began at ``start`` in Unix seconds."""

    start: int
    tally: Tally


class Throughput(NamedTuple):
    """What came and what ended of one action.

    Attributes:
        total_enqueued: executions ever accepted; ``total_completed`` of them have ended.
        since: from when on the minutes tell of everything, in Unix seconds.
        recent: the five whole minutes before the present one, and that one so far.
        hour: the same of sixty.
        minutes: of the hour, those in which anything happened, the oldest first.
    """

    action_ref: str
    total_enqueued: int
    total_completed: int
    since: float
    recent: Tally
    hour: Tally
    minutes: Sequence[MinuteTally]

    @property
    def pending(self) -> int:
        """Executions that wait or run."""
        return self.total_enqueued - self.total_completed

    @property
    def completion_pct(self) -> float | None:
        """Of 100 accepted executions, how many have ended, to two digits as in the runbook; None of none."""
        return round(self.total_completed / self.total_enqueued * 100, 2) if self.total_enqueued else None


def throughput(queue: ActionQueue, now: float) -> Throughput:
    """The throughput of a queue at ``now`` (Unix seconds)."""
    present = int(now // BUCKET_SECONDS)
    minutes = queue.load.minutes(now)
    return Throughput(
        queue.ref,
        queue.last_order,
        queue.total_completed,
        max(queue.load.since, float((present - KEPT_MINUTES) * BUCKET_SECONDS)),
        _sum(minute for minute in minutes if minute.index >= present - RECENT_MINUTES),
        _sum(minutes),
        [MinuteTally(minute.index * BUCKET_SECONDS, _sum([minute])) for minute in minutes],
    )


def busiest_first(every: Iterable[Throughput]) -> list[Throughput]:
    """In the runbook's order: by the executions ever accepted, the most first."""
    return sorted(every, key=lambda each: (-each.total_enqueued, each.action_ref))


def _sum(minutes: Iterable[Minute]) -> Tally:
    accepted = succeeded = failed = cancelled = timeout = elsewhere = ran = microseconds = 0
    for minute in minutes:
        accepted += minute.arrivals
        succeeded += minute.succeeded
        failed += minute.failed
        cancelled += minute.cancelled
        timeout += minute.timeout
        elsewhere += minute.elsewhere
        ran += minute.finished.count
        microseconds += minute.finished.microseconds
    return Tally(accepted, succeeded, failed, cancelled, timeout, elsewhere, ran, microseconds / 1e6)
