"""Where sync actions run: as many threads as the worker has slots, so that none waits for another."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class ActionThreads:
    """Threads for up to ``slots`` calls at once."""

    def __init__(self, slots: int) -> None:
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="action")
        self._calls: set[Future[Any]] = set()

    @property
    def busy(self) -> int:
        """Calls that still run, those that nobody awaits any more included."""
        return sum(call.running() for call in list(self._calls))

    async def run(self, call: Callable[[], Any]) -> Any:
        """What ``call`` returns or raises. A cancelled caller leaves the call running: nothing can stop a thread."""
        future = self._pool.submit(_without_stop_iteration, call)
        self._calls.add(future)
        future.add_done_callback(self._calls.discard)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Take no more calls; those that run are not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _without_stop_iteration(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except StopIteration as error:
        # No future can carry this one, and whoever awaits it would wait for ever.
        raise RuntimeError(f"StopIteration: {error}") from error
