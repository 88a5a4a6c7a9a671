"""The reports of one session: received in order, acknowledged up to a mark, malformed ones put aside."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from aiormq.abc import DeliveredMessage

from attune_executor.adapters.rabbitmq.acknowledgements import Acknowledgements
from attune_executor.amqp.dead_letters import dead_letter
from attune_executor.amqp.errors import guarded
from attune_executor.amqp.link import Session
from attune_executor.amqp.topology import completed_queue_name, status_queue_name
from attune_executor.ports.broker import BrokerError, DeliveryMark, WorkerReport
from attune_executor.wire.envelope import MalformedMessageError
from attune_executor.wire.reports import decode_reports

_log: Final = structlog.get_logger("attune.broker")


class ReportStream:
    """Both queues of reports on one channel: they share one count of tags, and one acknowledgement covers both.

    Args:
        session: whose deliveries these are; the stream is void when it ends.
        shard: whose reports these are.
        on_report: called with each report, in the order of the marks.
    """

    def __init__(self, session: Session, shard: int, on_report: Callable[[WorkerReport], None]) -> None:
        self.session = session
        self._queues = (completed_queue_name(shard), status_queue_name(shard))
        self._on_report = on_report
        self._acknowledgements = Acknowledgements()
        self._releasing = asyncio.Lock()

    async def consume(self, prefetch: int) -> None:
        """Let reports come, of each queue up to ``prefetch`` messages that are not acknowledged."""
        await self.session.consuming.set_qos(prefetch_count=prefetch)
        for queue in self._queues:
            # The queue's name as the consumer's tag: a delivery then says where it comes from.
            await self.session.deliveries.basic_consume(queue, self._receive, consumer_tag=queue)

    async def acknowledge(self, tag: int) -> None:
        """Every report up to ``tag`` has been used."""
        self._acknowledgements.ask(tag)
        await self._release()

    async def _receive(self, message: DeliveredMessage) -> None:
        # No await before on_report: aiormq starts these in the order of the deliveries.
        tag = message.delivery_tag or 0
        try:
            reports = decode_reports(message.body)
        except MalformedMessageError as error:
            self._acknowledgements.malformed(tag)
            await self._set_aside(message, tag, str(error))
        else:
            mark = DeliveryMark(self.session.generation, tag)
            self._on_report(WorkerReport(mark, *reports))

    async def _set_aside(self, message: DeliveredMessage, tag: int, reason: str) -> None:
        queue = message.consumer_tag or ""
        try:
            await guarded(dead_letter(self.session.exchanges.dead_letters, queue, message, reason))
        except BrokerError as error:
            # It stays unacknowledged, and the next session receives it again.
            self.session.end(f"cannot dead-letter a malformed message: {error}")
            return
        _log.error("malformed message dead-lettered", queue=queue, reason=reason)
        self._acknowledgements.dead_lettered(tag)
        await self._release()

    async def _release(self) -> None:
        # One after the other: aiormq lets a frame pass others that wait for room in its buffer, and the broker closes
        # the channel over a tag that a later acknowledgement has covered already.
        async with self._releasing:
            tag = self._acknowledgements.release()
            if tag is None:
                return
            try:
                await guarded(self.session.deliveries.basic_ack(tag, multiple=True))
            except BrokerError as error:
                # All marks are void from here on: what they stand for will be delivered again.
                self.session.end(f"cannot acknowledge: {error}")
