"""Dispatches to the workers' queues, reports from theirs."""

import socket
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter

from attune_executor.adapters.rabbitmq.report_stream import ReportStream
from attune_executor.amqp.errors import guarded
from attune_executor.amqp.link import Link, Session
from attune_executor.amqp.publishing import UnroutableError, publish_confirmed
from attune_executor.amqp.topology import QueueType, declare_pool, pool_queue_name
from attune_executor.ports.broker import BrokerError, DeliveryMark, Dispatch, WorkerReport
from attune_executor.wire.envelope import WireMessage
from attune_executor.wire.messages import encode_dispatches


class RabbitMQBroker:
    """Implements `attune_executor.ports.broker.Broker`.

    Args:
        url: AMQP URL with the credentials; never shown.
        queue_type: for every queue; the workers' setting must agree.
        prefetch: messages of each kind of report that may be delivered and not acknowledged, at least 1.
        executions_per_message: consecutive dispatches of a pool that travel together, at least 1.
    """

    def __init__(
        self,
        url: str,
        *,
        queue_type: QueueType = QueueType.CLASSIC,
        prefetch: int = 500,
        executions_per_message: int = 1,
    ) -> None:
        self._prefetch = prefetch
        self._executions_per_message = executions_per_message
        self._link = Link(url, f"attune-executor {socket.gethostname()}", queue_type)
        self._pools: set[str] = set()
        self._reports: ReportStream | None = None

    @property
    def connected(self) -> bool:
        """Whether the connection is up now."""
        return self._link.session is not None

    async def start(self, on_report: Callable[[WorkerReport], None]) -> None:
        """Connect, declare, consume; raises BrokerError when the first connection fails."""

        async def prepare(session: Session) -> None:
            for pool in self._pools:
                await declare_pool(session.publishing, pool, self._link.queue_type)
            self._reports = ReportStream(session, on_report)
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

    async def publish(self, dispatches: Sequence[Dispatch]) -> None:
        """Publish in this order; raises BrokerError when at least one is not confirmed."""
        session = self._link.require()
        try:
            await publish_confirmed(session.exchanges.executions, self._messages(dispatches))
        except UnroutableError as error:
            for pool in self._pools:
                # Someone deleted its queue. With the queue back, publishing again succeeds.
                if pool_queue_name(pool) == error.routing_key:
                    await self.ensure_pool(pool)
            raise

    async def acknowledge(self, mark: DeliveryMark) -> None:
        """Acknowledge up to and including ``mark``; does nothing for a void mark."""
        if self.connected and self._reports is not None and self._reports.session.generation == mark.channel:
            await self._reports.acknowledge(mark.tag)

    def _messages(self, dispatches: Sequence[Dispatch]) -> Iterator[tuple[str, WireMessage]]:
        for pool, of_pool in groupby(dispatches, attrgetter("pool")):
            routing_key = pool_queue_name(pool)
            while batch := list(islice(of_pool, self._executions_per_message)):
                yield routing_key, encode_dispatches(batch)
