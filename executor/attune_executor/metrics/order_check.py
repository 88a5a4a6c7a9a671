"""Looks again and again whether the queues are first in, first out.

It asks the database, so that it does not have to trust the turns that it checks.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from attune_executor.metrics.meter import ExecutorMeter
from attune_executor.ports.journal import JournalError

_CHECK_SECONDS: Final = 60.0
_log = structlog.get_logger("attune.order")


class OrderCheck:
    """Counts the executions that were overtaken.

    Args:
        overtaken: counts them near the heads of the lines; raises JournalError.
    """

    def __init__(
        self, overtaken: Callable[[], Awaitable[int]], meter: ExecutorMeter, interval_seconds: float = _CHECK_SECONDS
    ) -> None:
        self._overtaken = overtaken
        self._meter = meter
        self._interval_seconds = interval_seconds

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            try:
                await self.check()
            except JournalError as error:
                _log.warning("the order of the queues was not checked", reason=str(error))
            await asyncio.sleep(self._interval_seconds)

    async def check(self) -> None:
        """Check once.

        Raises:
            JournalError: the database is away.
        """
        found = await self._overtaken()
        if found:
            self._meter.fifo_violations += found
            _log.critical("a queue is not first in, first out: report this as a bug, with this log", overtaken=found)
