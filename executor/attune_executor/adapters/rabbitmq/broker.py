"""Dispatches to the workers' queues, reports from theirs."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from aio_pika.abc import AbstractQueue

from attune_executor.adapters.rabbitmq.company import together
from attune_executor.adapters.rabbitmq.report_stream import ReportStream
from attune_executor.amqp.errors import guarded
from attune_executor.amqp.link import Link, Session
from attune_executor.amqp.publishing import CONFIRM_TIMEOUT_SECONDS, UnroutableError, send, tell
from attune_executor.amqp.topology import (
    DISPATCH_DELIVERY_MODE,
    ROLL_CALL_KEY,
    QueueType,
    control_key,
    declare_pool,
    declare_reports,
    pool_queue_name,
)
from attune_executor.credentials import ServerUrl
from attune_executor.ports.broker import (
    BrokerCondition,
    BrokerError,
    Cancel,
    Confirmation,
    DeliveryMark,
    Dispatch,
    QueueDepth,
    WorkerReport,
)
from attune_executor.wire.control import encode_cancels, encode_roll_call
from attune_executor.wire.dispatches import encode_dispatches
from attune_executor.wire.envelope import WireMessage


class RabbitMQBroker:
    """Implements `attune_executor.ports.broker.Broker`.

    Args:
        url: AMQP URL with the credentials; never shown.
        queue_type: for every queue; the workers' setting must agree.
        prefetch: messages of each kind of report that may be delivered and not acknowledged, at least 1.
        shard: whose executions these are; workers report to its queues.
    """

    def __init__(
        self,
        url: ServerUrl,
        *,
        queue_type: QueueType = QueueType.CLASSIC,
        prefetch: int = 500,
        shard: int = 0,
    ) -> None:
        self._prefetch = prefetch
        self._shard = shard
        self._link = Link(url, f"attune-executor {socket.gethostname()}", queue_type)
        self._pools: set[str] = set()
        self._reports: ReportStream | None = None

    @property
    def connected(self) -> bool:
        """Whether the connection is up now."""
        return self._link.session is not None

    @property
    def condition(self) -> BrokerCondition:
        """The same, with its history."""
        vital = self._link.vital
        return BrokerCondition(vital.ok, vital.since, self._link.refused, vital.last_error)

    async def depths(self) -> Sequence[QueueDepth]:
        """The queues of reports first, then those of the pools.

        They are declared anew for it: to ask for one that somebody has deleted would cost the channel.
        """
        session, queue_type = self._link.require(), self._link.queue_type
        try:
            async with asyncio.timeout(CONFIRM_TIMEOUT_SECONDS):
                reports = await guarded(declare_reports(session.publishing, self._shard, queue_type))
                pools = [
                    await guarded(declare_pool(session.publishing, pool, queue_type)) for pool in sorted(self._pools)
                ]
        except TimeoutError as error:
            raise BrokerError(f"the broker at {self._link.address} does not answer") from error
        except BrokerError as error:
            raise BrokerError(f"cannot ask the broker at {self._link.address} for its queues: {error}") from error
        return [_depth(queue) for queue in (*reports, *pools)]

    async def start(self, on_report: Callable[[WorkerReport], None]) -> None:
        """Connect, declare, consume; raises BrokerError when the first connection fails."""

        async def prepare(session: Session) -> None:
            for pool in self._pools:
                await declare_pool(session.publishing, pool, self._link.queue_type)
            await declare_reports(session.publishing, self._shard, self._link.queue_type)
            self._reports = ReportStream(session, self._shard, on_report)
            await self._reports.consume(self._prefetch)

        await self._link.start(prepare)

    async def stop(self) -> None:
        """Close; reports that are not acknowledged are delivered again to the next owner."""
        await self._link.stop()

    async def ensure_pool(self, pool: str) -> None:
        """Declare the pool's queue, now and on every later connection.

        Raises:
            BrokerError: the broker is away; the next connection declares the queue.
            PolicyError: no queue can have this name.
        """
        pool_queue_name(pool)
        self._pools.add(pool)
        session = self._link.require()
        try:
            await guarded(declare_pool(session.publishing, pool, self._link.queue_type))
        except BrokerError as error:
            raise BrokerError(f"cannot declare the queue of pool {pool!r}: {error}") from error

    async def send(self, dispatches: Sequence[Dispatch]) -> Confirmation:
        """Publish in this order; raises BrokerError, or its confirmation does, when at least one is not confirmed."""
        return self._confirmed(await send(self._link.require(), self._messages(dispatches), DISPATCH_DELIVERY_MODE))

    async def _confirmed(self, confirmation: Confirmation) -> None:
        try:
            await confirmation
        except UnroutableError as error:
            for pool in self._pools:
                # Someone deleted its queue. With the queue back, publishing again succeeds.
                if pool_queue_name(pool) == error.routing_key:
                    await self.ensure_pool(pool)
            raise

    async def call_roll(self) -> None:
        """Ask every worker for a heartbeat; raises BrokerError when that is not known to be sent."""
        await self._tell(ROLL_CALL_KEY, encode_roll_call(self._shard))

    async def cancel(self, cancels: Sequence[Cancel]) -> None:
        """Tell the pools' workers; raises BrokerError when that is not known to be sent."""
        by_pool: dict[str, list[Cancel]] = {}
        for cancel in cancels:
            by_pool.setdefault(cancel.pool, []).append(cancel)
        for pool, of_pool in by_pool.items():
            await self._tell(control_key(pool), encode_cancels(of_pool))

    async def _tell(self, routing_key: str, message: WireMessage) -> None:
        session = self._link.require()
        await guarded(tell(session.exchanges.executions, routing_key, message, CONFIRM_TIMEOUT_SECONDS))

    async def acknowledge(self, mark: DeliveryMark) -> None:
        """Acknowledge up to and including ``mark``; does nothing for a void mark."""
        if self.connected and self._reports is not None and self._reports.session.generation == mark.channel:
            await self._reports.acknowledge(mark.tag)

    def _messages(self, dispatches: Sequence[Dispatch]) -> Iterator[tuple[str, WireMessage]]:
        for pool, of_pool in groupby(dispatches, attrgetter("pool")):
            routing_key = pool_queue_name(pool)
            for batch in together(of_pool):
                yield routing_key, encode_dispatches(batch, self._shard)


def _depth(queue: AbstractQueue) -> QueueDepth:
    declared = queue.declaration_result
    return QueueDepth(queue.name, declared.message_count or 0, declared.consumer_count or 0)
