"""A clock that a test moves."""

from dataclasses import dataclass


@dataclass(slots=True)
class ManualClock:
    """Shows ``time`` (Unix seconds) until it is moved."""

    time: float = 1_700_000_000.0

    def now(self) -> float:
        """Unix seconds."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.time += seconds
