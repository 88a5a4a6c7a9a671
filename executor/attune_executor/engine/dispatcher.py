"""Publishes committed dispatches, in order, until the broker has confirmed them."""

from collections.abc import Sequence

import structlog

from attune_executor.pipeline import Pipeline
from attune_executor.ports.broker import Broker, BrokerError, Cancel, Confirmation, Dispatch
from attune_executor.vital import Vital

_log = structlog.get_logger("attune.dispatcher")


class Dispatcher:
    """The publishing half of a turn's effects.

    A batch that fails is published again whole: an execution may reach a worker twice, never not at all.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._pipeline = Pipeline(self._send, on_confirmed=self._confirmed, on_failure=self._failed)
        self._cancels: list[Cancel] = []
        self._pools: set[str] = set()
        self.vital = Vital()
        """Whether the broker confirms what is published."""
        self.confirmed_order = 0
        """Every publish order up to here is confirmed; the journal keeps it so that a successor need not repeat."""

    def enqueue(self, dispatches: Sequence[tuple[int, Dispatch]]) -> None:
        """Take over dispatches with their publish orders, ascending."""
        self._pipeline.put(dispatches)

    def cancel(self, cancels: Sequence[Cancel]) -> None:
        """Tell the workers, before what is enqueued later reaches them."""
        if cancels:
            self._cancels.extend(cancels)
            self._pipeline.wake()

    def forget(self) -> None:
        """Drop what is not confirmed: a rebuild finds it in the journal and hands it over again."""
        self._pipeline.forget()

    async def drained(self) -> None:
        """Return once all is confirmed."""
        await self._pipeline.drained()

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await self._pipeline.changed()
            await self._tell_cancels()
            await self._pipeline.advance()

    async def _tell_cancels(self) -> None:
        cancels, self._cancels = self._cancels, []
        if not cancels:
            return
        try:
            await self._broker.cancel(cancels)
        except BrokerError as error:
            # Whoever still runs what is to be stopped is told again after the next roll call, or by its next report.
            _log.warning("workers not told to stop executions", count=len(cancels), reason=str(error))

    async def _send(self, batch: Sequence[tuple[int, Dispatch]], retries: int) -> Confirmation:
        del retries
        dispatches = [dispatch for _, dispatch in batch]
        for pool in {dispatch.pool for dispatch in dispatches} - self._pools:
            await self._broker.ensure_pool(pool)
            self._pools.add(pool)
        return await self._broker.send(dispatches)

    async def _confirmed(self, batch: Sequence[tuple[int, Dispatch]]) -> None:
        self.confirmed_order = batch[-1][0]
        self.vital.succeeded()

    def _failed(self, count: int, error: BrokerError) -> None:
        self.vital.failed(str(error))
        _log.warning("dispatches not confirmed, publishing again", count=count, reason=str(error))
