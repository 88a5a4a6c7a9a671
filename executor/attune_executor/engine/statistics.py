"""Keeps an immutable picture of every queue for readers in any thread, and the runbook's table behind it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from types import MappingProxyType

import structlog

from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.stats import QueueStats
from attune_executor.ports.clock import Clock
from attune_executor.ports.journal import JournalError, QueueStatsRepository

_log = structlog.get_logger("attune.statistics")


class Statistics:
    """Coalesces the changes of many turns: the first change shows at once, the next after the interval.

    Args:
        repository: where to persist; None where ``enable_metrics`` is off.
        coalesce_seconds: least time between two writes.
        refresh_seconds: how often the measured load of queues at rest is brought up to date, since it fades with time.
    """

    def __init__(
        self,
        clock: Clock,
        repository: QueueStatsRepository | None,
        coalesce_seconds: float = 0.25,
        refresh_seconds: float = 5.0,
    ) -> None:
        self._clock = clock
        self._repository = repository
        self._coalesce_seconds = coalesce_seconds
        self._refresh_seconds = refresh_seconds
        self._queues: dict[str, ActionQueue] = {}
        self._changed: dict[str, ActionQueue] = {}
        self._unsaved: dict[str, QueueStats] = {}
        self._wake = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        self._snapshot: Mapping[str, QueueStats] = MappingProxyType({})

    @property
    def snapshot(self) -> Mapping[str, QueueStats]:
        """The latest picture by action; never changed in place, so any thread may read it."""
        return self._snapshot

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` on this loop after each new picture."""
        self._listeners.append(listener)

    def replace(self, queues: Iterable[ActionQueue]) -> None:
        """Start over from a rebuilt manager."""
        self._queues = {queue.ref: queue for queue in queues}
        self._changed = dict(self._queues)
        self._wake.set()

    def touched(self, queues: Iterable[ActionQueue]) -> None:
        """These queues changed in a committed turn."""
        for queue in queues:
            self._queues[queue.ref] = self._changed[queue.ref] = queue
        if self._changed:
            self._wake.set()

    async def run(self) -> None:
        """Refresh and persist until cancelled."""
        renewed = monotonic()
        while True:
            try:
                async with asyncio.timeout(self._refresh_seconds):
                    await self._wake.wait()
            except TimeoutError:
                pass  # Nothing changed but the time.
            self._wake.clear()
            if monotonic() - renewed >= self._refresh_seconds:
                renewed = monotonic()
                self._renew_loads()
            if self._changed or self._unsaved:
                self.refresh()
                await self._save()
                await asyncio.sleep(self._coalesce_seconds)

    def refresh(self) -> None:
        """Take a new picture of the changed queues and tell the listeners."""
        now = self._clock.now()
        changed = {ref: queue.stats(now) for ref, queue in self._changed.items()}
        self._changed.clear()
        self._unsaved.update(changed)
        self._publish({**self._snapshot, **changed})

    def _renew_loads(self) -> None:
        """Take a picture of all queues: what was measured fades with time, also where nothing happens."""
        now = self._clock.now()
        self._publish({ref: queue.stats(now) for ref, queue in self._queues.items()})

    def _publish(self, snapshot: dict[str, QueueStats]) -> None:
        self._snapshot = MappingProxyType(snapshot)
        for listener in self._listeners:
            listener()

    async def _save(self) -> None:
        if self._repository is None:
            self._unsaved.clear()
            return
        try:
            await self._repository.save(list(self._unsaved.values()))
        except JournalError as error:
            # Statistics are a view: they are kept for the next attempt, and the queues go on.
            _log.warning("queue statistics not saved, trying again", reason=str(error))
            self._wake.set()
        else:
            self._unsaved.clear()
