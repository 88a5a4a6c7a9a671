"""Keeps an immutable picture of every queue for readers in any thread, and the runbook's table behind it.

Pictures show committed state only. A turn changes the queues before it is committed, so none is taken in between: what
is due then waits for the commit, or for the rebuild after one that failed. The table is more than a display: where
executions were deleted, a rebuild takes its counters from there.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from time import monotonic
from types import MappingProxyType

import structlog

from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.stats import QueueStats
from attune_executor.engine.calibration import Calibration
from attune_executor.ports.clock import Clock
from attune_executor.ports.journal import JournalError, QueueStatsRepository
from attune_executor.vital import Vital

_log = structlog.get_logger("attune.statistics")


class Statistics:
    """Coalesces the changes of many turns: the first change shows at once, the next after the interval.

    Args:
        repository: where to persist; None where ``enable_metrics`` is off.
        coalesce_seconds: least time between two writes.
        refresh_seconds: how often the measured load of queues at rest is brought up to date, since it fades with time.
        calibration: brings back what was measured before a restart; None: measuring starts over.
        on_turn: told how many seconds each committed turn took.
    """

    def __init__(
        self,
        clock: Clock,
        repository: QueueStatsRepository | None,
        coalesce_seconds: float = 0.25,
        refresh_seconds: float = 5.0,
        calibration: Calibration | None = None,
        on_turn: Callable[[float], None] | None = None,
    ) -> None:
        self._on_turn = on_turn
        self._turn_began = 0.0
        self._calibration = calibration
        self._clock = clock
        self._repository = repository
        self._coalesce_seconds = coalesce_seconds
        self._refresh_seconds = refresh_seconds
        self._queues: dict[str, ActionQueue] = {}
        self._changed: dict[str, ActionQueue] = {}
        self._unsaved: dict[str, QueueStats] = {}
        self._wake = asyncio.Event()
        self._in_turn = False
        self._due = False
        self._taken = asyncio.Event()
        self._renewed = monotonic()
        self._listeners: list[Callable[[], None]] = []
        self._snapshot: Mapping[str, QueueStats] = MappingProxyType({})
        self.vital = Vital()
        """Whether what changes is written down."""

    @property
    def snapshot(self) -> Mapping[str, QueueStats]:
        """The latest picture by action; never changed in place, so any thread may read it."""
        return self._snapshot

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` on this loop after each new picture."""
        self._listeners.append(listener)

    def turn_begins(self) -> None:
        """From here on the queues may hold what is not committed."""
        self._in_turn = True
        self._turn_began = monotonic()

    def turn_committed(self, queues: Iterable[ActionQueue]) -> None:
        """The turn is over, and these queues changed."""
        for queue in queues:
            self._queues[queue.ref] = self._changed[queue.ref] = queue
        if self._on_turn is not None:
            self._on_turn(monotonic() - self._turn_began)
        self._between_turns()

    def replace(self, queues: Iterable[ActionQueue]) -> None:
        """Start over from a rebuilt manager."""
        self._queues = {queue.ref: queue for queue in queues}
        self._changed = dict(self._queues)
        if self._calibration is not None:
            self._calibration.begin(self._queues.values())
        self._between_turns()

    async def run(self) -> None:
        """Refresh and persist until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._calibration is not None:
                tasks.create_task(self._calibration.run(), name="calibration")
            await self._keep_picture()

    async def _keep_picture(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._refresh_seconds):
                    await self._wake.wait()
            self._wake.clear()
            if self._in_turn:
                self._taken.clear()
                self._due = True
                await self._taken.wait()
            else:
                self._take()
            if self._unsaved:
                await self._save()
                await asyncio.sleep(self._coalesce_seconds)

    def _between_turns(self) -> None:
        self._in_turn = False
        if self._due:
            self._take()
        elif self._changed:
            self._wake.set()

    def _take(self) -> None:
        """Take a new picture of the changed queues, now and then of all of them, and tell the listeners."""
        self._due = False
        self._taken.set()
        if monotonic() - self._renewed >= self._refresh_seconds:
            self._renew_loads()
        if not self._changed:
            return
        now = self._clock.now()
        changed = {ref: queue.stats(now) for ref, queue in self._changed.items()}
        self._changed.clear()
        self._unsaved.update(changed)
        self._publish({**self._snapshot, **changed})

    def _renew_loads(self) -> None:
        """Take a picture of all queues: what was measured fades with time, also where nothing happens."""
        self._renewed = monotonic()
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
            self.vital.failed(str(error))
            _log.warning("queue statistics not saved, trying again", reason=str(error))
            self._wake.set()
        else:
            self.vital.succeeded()
            self._unsaved.clear()
