"""Tells the executors that this worker is here and what it holds, and obeys what they tell it.

A heartbeat names everything whose completion is not confirmed. A completion that it no longer names was confirmed
before the heartbeat was written, so it lies before it in the same queue: what is in neither is lost.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog
from aiormq.abc import DeliveredMessage
from aiormq.exceptions import ChannelLockedResource

from attune_executor.amqp.errors import guarded
from attune_executor.amqp.link import Session
from attune_executor.amqp.publishing import tell
from attune_executor.amqp.topology import HEARTBEAT_KEY, completed_queue_name, declare_control
from attune_executor.domain.workers import Heartbeat
from attune_executor.ports.broker import BrokerError
from attune_executor.wire.control import decode_control
from attune_executor.wire.envelope import MalformedMessageError
from attune_executor.wire.reports import encode_heartbeat
from attune_executor.worker.execution import Key

_log: Final = structlog.get_logger("attune.worker")


class NameTakenError(BrokerError):
    """Another worker has this one's name."""


class Presence:
    """The worker's side of roll calls and cancels.

    Args:
        heartbeat: what to say now.
        on_cancel: called with what to stop.
    """

    def __init__(self, heartbeat: Callable[[], Heartbeat], on_cancel: Callable[[Sequence[Key]], None]) -> None:
        self._heartbeat = heartbeat
        self._on_cancel = on_cancel
        self._sending: dict[tuple[int, str], asyncio.Task[None]] = {}
        self._again: set[tuple[int, str]] = set()

    async def listen(self, session: Session, pool: str, worker: str) -> None:
        """Obey from now on, as long as ``session`` lasts.

        Raises:
            NameTakenError: when another connection listens under the name ``worker``.
        """
        try:
            # The connection that consumes declares it: it is exclusive.
            queue = await declare_control(session.consuming, pool, worker)
        except ChannelLockedResource as error:
            raise NameTakenError(
                f"a worker named {worker!r} is connected to pool {pool!r} already: give each its own --name, or"
                " ATTUNE__WORKER__NAME; if it is this worker's lost connection, the broker notices within a minute"
            ) from error
        await session.deliveries.basic_consume(
            queue.name, partial(self._obey, session), consumer_tag=queue.name, no_ack=True
        )

    def announce(self, session: Session, routing_key: str = HEARTBEAT_KEY) -> None:
        """Send a heartbeat to every shard, or to a single queue; while one is on its way there, another after it."""
        key = session.generation, routing_key
        if key in self._sending:
            self._again.add(key)
            return
        task = asyncio.create_task(self._send(session, routing_key, self._heartbeat()))
        self._sending[key] = task
        task.add_done_callback(lambda _: self._sent(session, routing_key))

    def _sent(self, session: Session, routing_key: str) -> None:
        key = session.generation, routing_key
        del self._sending[key]
        if key in self._again:
            self._again.discard(key)
            if not session.lost.done():
                self.announce(session, routing_key)

    async def _obey(self, session: Session, message: DeliveredMessage) -> None:
        try:
            control = decode_control(message.body)
        except MalformedMessageError as error:
            _log.error("malformed control message dropped", reason=str(error))
            return
        if control.cancelled:
            self._on_cancel(control.cancelled)
        if control.roll_call is not None:
            self.announce(session, completed_queue_name(control.roll_call))

    async def _send(self, session: Session, routing_key: str, heartbeat: Heartbeat) -> None:
        try:
            await guarded(tell(session.exchanges.executions, routing_key, encode_heartbeat(heartbeat)))
        except BrokerError as error:
            _log.warning("heartbeat not sent", queue=routing_key, reason=str(error))
