"""The only source of time."""

from typing import Protocol


class Clock(Protocol):
    """Wall clock time for records, in Unix seconds."""

    def now(self) -> float:
        """Unix seconds."""
        ...
