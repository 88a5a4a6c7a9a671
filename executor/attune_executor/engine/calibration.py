"""Brings what was measured before a restart back into the load meters, while the queues already work."""

import asyncio
from collections.abc import Iterable

import structlog

from attune_executor.backoff import Backoff
from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.load import BUCKET_SECONDS, KEPT_MINUTES
from attune_executor.ports.clock import Clock
from attune_executor.ports.journal import JournalError
from attune_executor.ports.load_history import LoadHistory

_log = structlog.get_logger("attune.statistics")
_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 30.0


class Calibration:
    """Reads the history after every rebuild of the queues. Until it has, the loads say that they are not calibrated."""

    def __init__(self, history: LoadHistory, clock: Clock) -> None:
        self._history = history
        self._clock = clock
        self._queues: list[ActionQueue] = []
        self._wanted = asyncio.Event()

    def begin(self, queues: Iterable[ActionQueue]) -> None:
        """These queues were just rebuilt."""
        self._queues = list(queues)
        for queue in self._queues:
            queue.load.calibrated = False
        self._wanted.set()

    async def run(self) -> None:
        """Calibrate whatever is rebuilt, until cancelled; a database that is away is asked again."""
        backoff = Backoff(_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS)
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._calibrate(self._queues)
            except JournalError as error:
                _log.warning("the load of the past is not known yet, trying again", reason=str(error))
                await backoff.wait()
                self._wanted.set()
            else:
                backoff.reset()

    async def _calibrate(self, queues: list[ActionQueue]) -> None:
        shown = KEPT_MINUTES * BUCKET_SECONDS
        window = max((queue.load.window_seconds for queue in queues), default=0)
        # From the beginning of a minute: half a one would tell of less than happened.
        start = (self._clock.now() - max(window, shown)) // BUCKET_SECONDS * BUCKET_SECONDS
        known = await self._history.since(start)
        now = self._clock.now()
        for queue in queues:
            past = known.actions.get(queue.action_id)
            minutes, last_mean_seconds = ((), None) if past is None else past
            queue.load.calibrate(minutes, last_mean_seconds, now, known.since)
