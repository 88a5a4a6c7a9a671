"""What was seen at one moment, and what follows from several: rates, the course of the depth, the age of it all."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from attune_operator.ctl.queues import Queue
from attune_operator.resources import ActionQueuePolicy, ExecutorConfig, ObjectKey

RATE_SECONDS: Final = 30.0
"""How far back a rate looks: the operator writes a status every few seconds, so that a shorter one would flicker."""
COURSE: Final = 60
"""Looks whose depth is remembered."""


@dataclass(frozen=True, slots=True)
class Look:
    """The cluster at one moment.

    Attributes:
        at: seconds on a monotonic clock.
        problem: why figures may be old; None while an operator leads.
        leader: who holds the Lease; None where nobody does or it may not be read.
    """

    at: float
    queues: Sequence[Queue]
    policies: Mapping[ObjectKey, ActionQueuePolicy]
    config: ExecutorConfig | None
    problem: str | None
    leader: str | None


@dataclass(frozen=True, slots=True)
class Rates:
    """Executions per second; None until two looks tell."""

    accepted: float | None
    ended: float | None


@dataclass(frozen=True, slots=True)
class _Frame:
    at: float
    depth: int | None
    accepted: int | None
    ended: int | None


class Film:
    """The last look that succeeded, and the frames before it. A look that fails leaves the picture as it is.

    Attributes:
        latest: the last look that succeeded.
        failure: why the last look failed; None while they succeed.
        failing_since: the time of day of the first one that failed.
    """

    def __init__(self, first: Look) -> None:
        self._frames: dict[ObjectKey, deque[_Frame]] = {}
        self.take(first)

    def take(self, look: Look) -> None:
        """Add a look that succeeded. Queues that are gone are forgotten."""
        frames: dict[ObjectKey, deque[_Frame]] = {}
        for queue in look.queues:
            course = self._frames.get(queue.key) or deque[_Frame](maxlen=COURSE)
            course.append(_Frame(look.at, queue.queue_length, queue.total_enqueued, queue.total_completed))
            frames[queue.key] = course
        self._frames = frames
        self.latest = look
        self.failure: str | None = None
        self.failing_since: datetime | None = None

    def fail(self, reason: str, clock: datetime) -> None:
        """Note that nobody answered."""
        self.failure = reason
        self.failing_since = self.failing_since or clock

    def course(self, queue: ObjectKey) -> list[int]:
        """The depth at each look, the newest last; unknown ones left out."""
        return [frame.depth for frame in self._frames.get(queue, ()) if frame.depth is not None]

    def rates(self, queue: ObjectKey) -> Rates:
        """How fast executions come and end, over the last `RATE_SECONDS`."""
        frames = self._frames.get(queue)
        if not frames:
            return Rates(None, None)
        last = frames[-1]
        first = next(frame for frame in frames if last.at - frame.at <= RATE_SECONDS)
        seconds = last.at - first.at
        return Rates(_rate(first.accepted, last.accepted, seconds), _rate(first.ended, last.ended, seconds))

    def age_seconds(self, now: float) -> float:
        """Since the last look that succeeded, on the clock of the looks."""
        return max(0.0, now - self.latest.at)


def _rate(before: int | None, after: int | None, seconds: float) -> float | None:
    """None where a total is not known, or fell because the action began anew."""
    if before is None or after is None or seconds <= 0 or after < before:
        return None
    return (after - before) / seconds
