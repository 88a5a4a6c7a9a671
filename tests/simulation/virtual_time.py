"""An event loop whose time passes only when nothing else can happen, and as fast as that."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class StuckError(AssertionError):
    """Everybody waits, and nobody for the time."""


class _TimeSelector(selectors.SelectSelector):
    """Nothing ever comes from outside: waiting for it is the passing of time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise StuckError("everybody waits, and nobody for the time")
        self.now += max(0.0, timeout)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Deterministic: one thread, no file, no clock; callbacks run in the order in which they were scheduled."""

    def __init__(self) -> None:
        self._virtual = _TimeSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def run(loop: VirtualTimeLoop, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run ``work`` to its end, and stop what it leaves behind."""
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(work)
    finally:
        remaining = asyncio.all_tasks(loop)
        for task in remaining:
            task.cancel()
        if remaining:
            loop.run_until_complete(asyncio.gather(*remaining, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()
