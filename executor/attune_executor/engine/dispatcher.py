"""Publishes committed dispatches, in order, until the broker has confirmed them."""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from attune_executor.backoff import Backoff
from attune_executor.ports.broker import Broker, BrokerError, Cancel, Dispatch

_log = structlog.get_logger("attune.dispatcher")


class Dispatcher:
    """The publishing half of a turn's effects.

    While one batch awaits its confirms the next gathers. A batch that fails is published again whole: an execution
    may reach a worker twice, never not at all.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._pending: deque[tuple[int, Dispatch]] = deque()
        self._cancels: list[Cancel] = []
        self._pools: set[str] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.confirmed_order = 0
        """Every publish order up to here is confirmed; the journal keeps it so that a successor need not repeat."""

    def enqueue(self, dispatches: Sequence[tuple[int, Dispatch]]) -> None:
        """Take over dispatches with their publish orders, ascending."""
        if dispatches:
            self._pending.extend(dispatches)
            self._idle.clear()
            self._wake.set()

    def cancel(self, cancels: Sequence[Cancel]) -> None:
        """Tell the workers, before what is enqueued later reaches them."""
        if cancels:
            self._cancels.extend(cancels)
            self._wake.set()

    def forget(self) -> None:
        """Drop what is not confirmed: a rebuild finds it in the journal and hands it over again."""
        self._pending = deque()

    async def drained(self) -> None:
        """Return once all is confirmed."""
        await self._idle.wait()

    async def run(self) -> None:
        """Publish until cancelled."""
        backoff = Backoff()
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._tell_cancels()
            pending = self._pending
            batch = list(pending)
            if batch:
                try:
                    await self._publish([dispatch for _, dispatch in batch])
                except BrokerError as error:
                    _log.warning("dispatches not confirmed, publishing again", count=len(batch), reason=str(error))
                    await backoff.wait()
                    self._wake.set()
                    continue
                backoff.reset()
                self.confirmed_order = batch[-1][0]
                for _ in batch:
                    pending.popleft()
            if self._pending:
                self._wake.set()
            else:
                self._idle.set()

    async def _tell_cancels(self) -> None:
        cancels, self._cancels = self._cancels, []
        if not cancels:
            return
        try:
            await self._broker.cancel(cancels)
        except BrokerError as error:
            # Whoever still runs what is to be stopped is told again after the next roll call, or by its next report.
            _log.warning("workers not told to stop executions", count=len(cancels), reason=str(error))

    async def _publish(self, dispatches: list[Dispatch]) -> None:
        for pool in {dispatch.pool for dispatch in dispatches} - self._pools:
            await self._broker.ensure_pool(pool)
            self._pools.add(pool)
        await self._broker.publish(dispatches)
