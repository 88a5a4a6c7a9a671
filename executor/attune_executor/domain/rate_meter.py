"""Holds an action to so many dispatches in any window of time, across restarts.

A sliding window over a few dozen marks, each a number of dispatches and the time of the last of them. What a mark
counts is forgotten once its last dispatch has left the window, so the limit is never exceeded, and a slot of the limit
comes back a 64th of the window late at most.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from attune_executor.domain.policy import RateLimit

_MARKS_PER_WINDOW: Final = 64


class RateMark(NamedTuple):
    """``dispatches`` of them, the first at ``first`` and the last at ``last``, in Unix seconds."""

    first: float
    last: float
    dispatches: int


class RateMeter:
    """Counts dispatches against a limit. ``marks`` is what an earlier meter of the action left."""

    def __init__(self, limit: RateLimit, marks: Iterable[RateMark] = ()) -> None:
        self.limit = limit
        self._marks: deque[RateMark] = deque(marks)
        self._count = sum(mark.dispatches for mark in self._marks)

    @property
    def marks(self) -> Sequence[RateMark]:
        """What a successor needs to know."""
        return tuple(self._marks)

    def available(self, now: float) -> int:
        """How many may be dispatched now."""
        self._forget(now)
        return max(0, self.limit.max_executions - self._count)

    def take(self, now: float) -> None:
        """One is dispatched now."""
        self._count += 1
        if self._marks:
            newest = self._marks[-1]
            now = max(now, newest.last)
            if now - newest.first <= self.limit.window_seconds / _MARKS_PER_WINDOW:
                self._marks[-1] = RateMark(newest.first, now, newest.dispatches + 1)
                return
        self._marks.append(RateMark(now, now, 1))

    def next_at(self) -> float:
        """When the next may be dispatched, where none may be dispatched now."""
        excess = self._count - self.limit.max_executions + 1
        at = 0.0
        for mark in self._marks:
            at = mark.last + self.limit.window_seconds
            excess -= mark.dispatches
            if excess <= 0:
                break
        return at

    def _forget(self, now: float) -> None:
        while self._marks and self._marks[0].last + self.limit.window_seconds <= now:
            self._count -= self._marks.popleft().dispatches
