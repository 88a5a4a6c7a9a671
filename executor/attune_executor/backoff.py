"""Waiting longer after each failure, with jitter, so that a returning service is not stormed."""

import asyncio
import random
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Exponential delays from ``first_seconds`` to ``longest_seconds``."""

    first_seconds: float = 0.1
    longest_seconds: float = 5.0
    _failures: int = 0

    def next_delay(self) -> float:
        """The next delay in seconds: between half and the whole of the exponential step."""
        step = min(self.longest_seconds, self.first_seconds * 2**self._failures)
        self._failures += 1
        return step * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not cryptography

    async def wait(self) -> None:
        """Sleep for the next delay."""
        await asyncio.sleep(self.next_delay())

    def reset(self) -> None:
        """Start over after a success."""
        self._failures = 0
