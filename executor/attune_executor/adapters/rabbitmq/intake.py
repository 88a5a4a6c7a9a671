"""Executions requested by messages: the way in beside HTTP, with the same guarantees.

A message is acknowledged once the turn that accepted its executions is committed, and what was refused lies among the
dead letters by then. While the engine is unavailable the messages at hand are kept and tried again, less and less
often, and the rest stays in the queue: nothing is sent back to be delivered again in a circle.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol

import structlog
from aiormq.abc import DeliveredMessage

from attune_executor.adapters.rabbitmq.refusals import REFUSED_HEADER, explain
from attune_executor.amqp.dead_letters import dead_letter
from attune_executor.amqp.errors import guarded
from attune_executor.amqp.link import Link, Session
from attune_executor.amqp.topology import REQUESTED_QUEUE, QueueType
from attune_executor.backoff import Backoff
from attune_executor.credentials import ServerUrl
from attune_executor.domain.submission import ExecutionRequest, Receipt, Refusal
from attune_executor.engine.views import UnavailableError
from attune_executor.ports.broker import BrokerError
from attune_executor.wire.envelope import MalformedMessageError
from attune_executor.wire.requests import decode_requests

_log: Final = structlog.get_logger("attune.intake")

# What one turn is asked to take on at once, beyond the one message that is always taken: an engine that serves HTTP
# beside it has room for ten times that.
_JOINED_EXECUTIONS: Final = 5_000
_JOINED_BYTES: Final = 4 * 1024 * 1024
_LONGEST_DELAY_SECONDS: Final = 2.0


class Submitter(Protocol):
    """The engine as the intake sees it."""

    async def submit(self, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
        """Accept or refuse requests, in order, durably; raises UnavailableError."""
        ...


@dataclass(frozen=True, slots=True)
class _Message:
    """A message and its executions, none where it is malformed for ``reason``."""

    delivery: DeliveredMessage
    requests: Sequence[ExecutionRequest]
    reason: str = ""


class RequestIntake:
    """Consumes `REQUESTED_QUEUE` on connections of its own, so that it holds up neither reports nor dispatches.

    Args:
        url: AMQP URL with the credentials; never shown.
        engine: what accepts the executions.
        queue_type: for every queue; the workers' setting must agree.
        max_executions: executions that a message may hold.
        max_bytes: longest body.
        prefetch: messages that may be delivered and not acknowledged, at least 1.
    """

    def __init__(
        self,
        url: ServerUrl,
        engine: Submitter,
        *,
        queue_type: QueueType,
        max_executions: int,
        max_bytes: int,
        prefetch: int = 500,
    ) -> None:
        self._engine = engine
        self._max_executions = max_executions
        self._max_bytes = max_bytes
        self._prefetch = prefetch
        self._link = Link(url, f"attune-executor {socket.gethostname()} intake", queue_type)
        self._delivered: deque[DeliveredMessage] = deque()
        self._wake = asyncio.Event()

    async def start(self) -> None:
        """Connect and let requests come; raises BrokerError when the first connection fails."""
        await self._link.start(self._consume)

    async def run(self) -> None:
        """Take in what comes until cancelled, after ``start``."""
        while True:
            session = await self._link.connected()
            pump = asyncio.create_task(self._pump(session, self._delivered))
            try:
                await asyncio.wait((pump, session.lost), return_when=asyncio.FIRST_COMPLETED)
            finally:
                pump.cancel()
                await asyncio.wait({pump})
            if not pump.cancelled():
                pump.result()

    async def stop(self) -> None:
        """Close; what is not acknowledged will be delivered to the next owner."""
        await self._link.stop()

    async def _consume(self, session: Session) -> None:
        self._delivered = delivered = deque[DeliveredMessage]()

        async def receive(message: DeliveredMessage) -> None:
            # No await: aiormq starts these in the order of the deliveries.
            delivered.append(message)
            self._wake.set()

        await session.consuming.set_qos(prefetch_count=self._prefetch)
        await session.deliveries.basic_consume(REQUESTED_QUEUE, receive, consumer_tag=REQUESTED_QUEUE)

    async def _pump(self, session: Session, delivered: deque[DeliveredMessage]) -> None:
        try:
            while True:
                while not delivered:
                    self._wake.clear()
                    await self._wake.wait()
                await self._settle(session, self._next(delivered))
        except BrokerError as error:
            # Everything delivered on this session is void, and comes again on the next one.
            session.end(f"intake: {error}")

    def _next(self, delivered: deque[DeliveredMessage]) -> list[_Message]:
        """Take the oldest messages off, as many as are worth one turn."""
        messages: list[_Message] = []
        executions = size = 0
        while delivered and executions < _JOINED_EXECUTIONS and size < _JOINED_BYTES:
            message = self._read(delivered.popleft())
            messages.append(message)
            executions += len(message.requests)
            size += len(message.delivery.body)
        return messages

    def _read(self, delivery: DeliveredMessage) -> _Message:
        size = len(delivery.body)
        if size > self._max_bytes:
            return _Message(delivery, (), f"body of {size} bytes: send at most {self._max_bytes}")
        try:
            requests = decode_requests(delivery.body)
        except MalformedMessageError as error:
            return _Message(delivery, (), str(error))
        if len(requests) > self._max_executions:
            return _Message(
                delivery, (), f"payload: {len(requests)} executions: send at most {self._max_executions} at a time"
            )
        return _Message(delivery, requests)

    async def _settle(self, session: Session, messages: Sequence[_Message]) -> None:
        """Have every one of ``messages``, the oldest that are not acknowledged, accepted or put aside.

        Raises:
            BrokerError: the session broke; all of them are delivered again, and their keys make that harmless.
        """
        requests = [request for message in messages for request in message.requests]
        outcomes = iter(await self._submit(requests) if requests else ())
        aside: list[Coroutine[Any, Any, None]] = []
        for message in messages:
            if not message.requests:
                aside.append(self._put_aside(session, message, message.reason, {}))
            elif explained := explain(list(islice(outcomes, len(message.requests)))):
                reason, table = explained
                aside.append(self._put_aside(session, message, reason, {REFUSED_HEADER: dict(table)}))
        for result in await asyncio.gather(*aside, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        await guarded(session.deliveries.basic_ack(messages[-1].delivery.delivery_tag or 0, multiple=True))

    async def _submit(self, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
        backoff = Backoff(longest_seconds=_LONGEST_DELAY_SECONDS)
        while True:
            try:
                return await self._engine.submit(requests)
            except UnavailableError as error:
                _log.warning("requested executions wait for the engine", count=len(requests), reason=str(error))
                await backoff.wait()

    async def _put_aside(self, session: Session, message: _Message, reason: str, details: Mapping[str, Any]) -> None:
        await guarded(dead_letter(session.exchanges.dead_letters, REQUESTED_QUEUE, message.delivery, reason, details))
        _log.warning("requested executions dead-lettered", reason=reason)
