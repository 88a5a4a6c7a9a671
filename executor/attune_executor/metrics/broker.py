"""A broker that is measured: how long confirmations take, what failed, and that workers report."""

from collections.abc import Callable, Sequence
from time import monotonic

from attune_executor.metrics.meter import ExecutorMeter
from attune_executor.ports.broker import (
    Broker,
    BrokerCondition,
    BrokerError,
    Cancel,
    Confirmation,
    DeliveryMark,
    Dispatch,
    QueueDepth,
    WorkerReport,
)


class MeasuredBroker:
    """The broker behind it, and a meter that hears of every publish and report."""

    def __init__(self, broker: Broker, meter: ExecutorMeter) -> None:
        self._broker = broker
        self._meter = meter

    async def start(self, on_report: Callable[[WorkerReport], None]) -> None:
        """Connect and begin to consume reports."""

        def count(report: WorkerReport) -> None:
            self._meter.reports += 1
            on_report(report)

        await self._broker.start(count)

    async def ensure_pool(self, pool: str) -> None:
        """Make the pool's queue exist."""
        await self._broker.ensure_pool(pool)

    async def send(self, dispatches: Sequence[Dispatch]) -> Confirmation:
        """Publish in this order."""
        began = monotonic()
        try:
            confirmation = await self._broker.send(dispatches)
        except BrokerError:
            self._meter.publish_failures += len(dispatches)
            raise
        return self._confirmed(confirmation, len(dispatches), began)

    async def call_roll(self) -> None:
        """Ask every worker for a heartbeat."""
        await self._broker.call_roll()

    async def cancel(self, cancels: Sequence[Cancel]) -> None:
        """Tell the workers what to stop."""
        await self._broker.cancel(cancels)

    async def acknowledge(self, mark: DeliveryMark) -> None:
        """Acknowledge reports."""
        await self._broker.acknowledge(mark)

    @property
    def connected(self) -> bool:
        """Whether the connection is up now."""
        return self._broker.connected

    @property
    def condition(self) -> BrokerCondition:
        """The same, with its history."""
        return self._broker.condition

    async def depths(self) -> Sequence[QueueDepth]:
        """The queues at the broker."""
        return await self._broker.depths()

    async def stop(self) -> None:
        """Stop consuming and close."""
        await self._broker.stop()

    async def _confirmed(self, confirmation: Confirmation, count: int, began: float) -> None:
        try:
            await confirmation
        except BrokerError:
            self._meter.publish_failures += count
            raise
        self._meter.confirmations.observe(monotonic() - began)
