"""When an execution was accepted: a moment of its own for each, so that ``ORDER BY created`` is the queue's order."""

from typing import Final

_LARGEST_LEAD: Final = 1_000_000
"""Microseconds ahead of the clock. A turn of 50,000 takes a twentieth of that; beyond it the clock was set back."""


class AcceptanceTimes:
    """Gives out ascending times, in the microseconds that the database keeps.

    What one turn accepts has the turn's time, and a microsecond more for each. That is never ahead of the clock of who
    reads it: the turn that wrote it took longer.
    """

    def __init__(self) -> None:
        self._last = 0

    def follow(self, created: float) -> None:
        """Go on after an earlier owner's."""
        self._last = max(self._last, round(created * 1e6))

    def next(self, now: float) -> float:
        """The time of an acceptance at ``now``; both in Unix seconds."""
        microseconds = round(now * 1e6)
        if 0 <= self._last - microseconds < _LARGEST_LEAD:
            microseconds = self._last + 1
        self._last = microseconds
        return microseconds / 1e6
