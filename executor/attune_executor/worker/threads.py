"""Where sync actions run. Nothing can stop a thread: one that nobody awaits any more goes on, and is counted."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class ActionThreads:
    """Threads for up to ``slots`` calls at once; ``on_end`` is called on the loop when one left behind has ended."""

    def __init__(self, slots: int, on_end: Callable[[], None] = lambda: None) -> None:
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="action")
        self.on_end = on_end
        self._left_behind: set[Future[Any]] = set()

    @property
    def left_behind(self) -> int:
        """Calls that still run and that nobody awaits any more."""
        return len(self._left_behind)

    async def run(self, call: Callable[[], Any]) -> Any:
        """What ``call`` returns or raises; a cancelled caller leaves it behind."""
        future = self._pool.submit(_without_stop_iteration, call)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if not future.done():
                self._leave_behind(future)
            raise

    def close(self) -> None:
        """Take no more calls; those that run are not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _leave_behind(self, future: Future[Any]) -> None:
        loop = asyncio.get_running_loop()

        def forget() -> None:
            self._left_behind.discard(future)
            self.on_end()

        def ended(_: Future[Any]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(forget)

        self._left_behind.add(future)
        future.add_done_callback(ended)


def _without_stop_iteration(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except StopIteration as error:
        # No future can carry this one, and whoever awaits it would wait for ever.
        raise RuntimeError(f"StopIteration: {error}") from error
