"""Whether a part of a program does its work: since when, when it last did, and why it last did not."""

import time
from collections.abc import Callable


class Vital:
    """One part's signs of life, written by whoever uses the part. Times are Unix seconds.

    Attributes:
        ok: whether the last attempt succeeded; True before the first one.
        since: since when that is so.
        last_success: None before the first one.
        last_error: what the last failure said, also once it is over; None: there was none.
    """

    __slots__ = ("_clock", "last_error", "last_success", "ok", "since")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.ok = True
        self.since = clock()
        self.last_success: float | None = None
        self.last_error: str | None = None

    def succeeded(self) -> None:
        """It did what it was asked for."""
        self.last_success = self._clock()
        self._become(ok=True)

    def failed(self, error: str) -> None:
        """It did not, for the reason that ``error`` gives people."""
        self.last_error = error
        self._become(ok=False)

    def _become(self, *, ok: bool) -> None:
        if self.ok is not ok:
            self.ok, self.since = ok, self._clock()
