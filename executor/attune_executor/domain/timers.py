"""What comes due by itself: queue timeouts, retries, rate limits that let go."""

import heapq
from collections.abc import Iterator
from enum import IntEnum, auto
from typing import Any, NamedTuple


class Due(IntEnum):
    """What to look at when the time comes. A timer may come too early or for nothing, never too late."""

    QUEUE_TIMEOUT = auto()
    RETRY = auto()
    RATE = auto()


class _Entry(NamedTuple):
    at: float
    number: int
    due: Due
    subject: Any


class Timers:
    """A heap of times, in Unix seconds."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._number = 0

    @property
    def next_at(self) -> float | None:
        """When the next one comes due."""
        return self._entries[0].at if self._entries else None

    def set(self, at: float, due: Due, subject: Any) -> None:
        """Look at ``subject`` for ``due`` at ``at``."""
        self._number += 1
        heapq.heappush(self._entries, _Entry(at, self._number, due, subject))

    def pop(self, now: float) -> Iterator[tuple[Due, Any]]:
        """Those that have come due."""
        while self._entries and self._entries[0].at <= now:
            entry = heapq.heappop(self._entries)
            yield entry.due, entry.subject
