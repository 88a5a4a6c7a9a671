"""The pool's queue as the worker uses it: messages in; acknowledgements, returned and unreadable messages out."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

import structlog
from aiormq.abc import DeliveredMessage

from attune_executor.amqp.dead_letters import dead_letter
from attune_executor.amqp.errors import guarded
from attune_executor.amqp.link import Link, Session
from attune_executor.amqp.publishing import publish_confirmed
from attune_executor.amqp.topology import DISPATCH_DELIVERY_MODE, declare_pool, pool_queue_name
from attune_executor.ports.broker import BrokerError, DeliveryMark, Dispatch
from attune_executor.wire.dispatches import Assignment, decode_dispatches, encode_dispatches
from attune_executor.wire.envelope import MalformedMessageError, Origin
from attune_executor.worker.acknowledgements import Acknowledgement, OpenTags
from attune_executor.worker.assignments import Returned

_CANCEL_TIMEOUT_SECONDS: Final = 5

OnMessage: TypeAlias = Callable[[DeliveryMark, Origin, Sequence[Assignment], bool], Sequence[DeliveryMark]]
"""Takes a message (its mark, itself, what it carries, whether it is delivered again); returns what to acknowledge."""

_log: Final = structlog.get_logger("attune.worker")


class Deliveries:
    """One consumer of a pool's queue.

    Args:
        link: whose sessions are used.
        pool: whose queue it is.
        consumer: the consumer's name.
        prefetch: messages that it holds unacknowledged.
        on_message: called for every message that can be read.
    """

    def __init__(self, link: Link, pool: str, consumer: str, prefetch: int, on_message: OnMessage) -> None:
        self._link = link
        self._pool = pool
        self._consumer = consumer
        self._prefetch = prefetch
        self._on_message = on_message
        self._stopped = False
        self._open = OpenTags()
        self._answering = asyncio.Lock()

    async def declare(self, session: Session) -> None:
        """Make the queue exist."""
        await declare_pool(session.publishing, self._pool, self._link.queue_type)

    async def consume(self, session: Session) -> None:
        """Take messages from now on."""
        self._open = OpenTags()
        await session.consuming.set_qos(prefetch_count=self._prefetch)
        await session.deliveries.basic_consume(
            pool_queue_name(self._pool), partial(self._receive, session), consumer_tag=self._consumer
        )

    async def stop_consuming(self, session: Session) -> None:
        """Take no more; what is on its way returns to the queue."""
        self._stopped = True
        try:
            await guarded(session.deliveries.basic_cancel(self._consumer, timeout=_CANCEL_TIMEOUT_SECONDS))
        except BrokerError as error:
            session.end(f"cannot stop consuming: {error}")

    async def acknowledge(self, session: Session, marks: Sequence[DeliveryMark]) -> None:
        """Acknowledge those of ``marks`` that are not void."""
        tags = [mark.tag for mark in marks if mark.channel == session.generation]
        if not tags:
            return
        # One after the other: what an acknowledgement of several covers must not be acknowledged after it.
        async with self._answering:
            if session.lost.done():
                return
            try:
                await guarded(_acknowledge(session, self._open.acknowledge(tags)))
            except BrokerError as error:
                session.end(f"cannot acknowledge: {error}")

    async def hand_back(self, session: Session, returned: Returned) -> None:
        """Return a message of which nothing has begun.

        What must not run twice would fail where it is delivered again: that goes as a message of its own.
        """
        if not any(assignment.at_most_once for assignment in returned.assignments):
            await self._return(session, returned.mark)
            return
        message = encode_dispatches(
            [
                Dispatch(
                    assignment.execution_id,
                    assignment.action_ref,
                    assignment.attempt,
                    self._pool,
                    assignment.parameters,
                    assignment.timeout_seconds,
                    assignment.at_most_once,
                )
                for assignment in returned.assignments
            ],
            returned.assignments[0].shard,
        )
        try:
            await publish_confirmed(session, [(pool_queue_name(self._pool), message)], DISPATCH_DELIVERY_MODE)
        except BrokerError as error:
            session.end(f"cannot return a message: {error}")
            return
        await self.acknowledge(session, [returned.mark])

    async def _receive(self, session: Session, message: DeliveredMessage) -> None:
        mark = DeliveryMark(session.generation, message.delivery_tag or 0)
        self._open.open(mark.tag)
        try:
            origin, assignments = decode_dispatches(message.body)
        except MalformedMessageError as error:
            await self._set_aside(session, message, mark, str(error))
            return
        if self._stopped:
            await self.hand_back(session, Returned(mark, assignments))
            return
        await self.acknowledge(session, self._on_message(mark, origin, assignments, bool(message.redelivered)))

    async def _return(self, session: Session, mark: DeliveryMark) -> None:
        async with self._answering:
            if session.lost.done():
                return
            try:
                await guarded(session.deliveries.basic_nack(mark.tag, requeue=True))
            except BrokerError as error:
                # The end of the session returns it too.
                session.end(f"cannot return a message: {error}")
            self._open.close(mark.tag)

    async def _set_aside(self, session: Session, message: DeliveredMessage, mark: DeliveryMark, reason: str) -> None:
        queue = pool_queue_name(self._pool)
        try:
            await guarded(dead_letter(session.exchanges.dead_letters, queue, message, reason))
        except BrokerError as error:
            # It stays unacknowledged, and the next session receives it again.
            session.end(f"cannot dead-letter a malformed message: {error}")
            return
        _log.error("malformed message dead-lettered", queue=queue, reason=reason)
        await self.acknowledge(session, [mark])


async def _acknowledge(session: Session, acknowledgements: Sequence[Acknowledgement]) -> None:
    for each in acknowledgements:
        # Waiting for the last to be written has all written: what follows may be the end of the connection.
        await session.deliveries.basic_ack(each.tag, each.multiple, wait=each is acknowledgements[-1])
