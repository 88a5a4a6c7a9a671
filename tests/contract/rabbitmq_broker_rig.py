"""The broker's contract suite on a real RabbitMQ, in a virtual host of the test's own."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import aio_pika
import httpx
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue

from attune_executor.adapters.rabbitmq import RabbitMQBroker
from attune_executor.amqp.topology import (
    COMPLETED_QUEUE,
    EXECUTIONS_EXCHANGE,
    STATUS_QUEUE,
    QueueType,
    declare_control,
    pool_queue_name,
)
from attune_executor.domain.records import Finished, Started
from attune_executor.domain.workers import Heartbeat
from attune_executor.ports.broker import Dispatch
from attune_executor.wire.control import Control, decode_control
from attune_executor.wire.dispatches import decode_dispatches
from attune_executor.wire.reports import encode_completions, encode_heartbeat, encode_starts

DEADLINE_SECONDS = 60


class RabbitMQRig:
    """Implements `contract.broker_rig.BrokerRig`; the worker's side has a connection that `interrupt` spares."""

    def __init__(self, url: str, management: httpx.Client, queue_type: QueueType = QueueType.CLASSIC) -> None:
        self.url = url
        self.vhost = urlsplit(url).path.removeprefix("/")
        self._management = management
        self.queue_type = queue_type
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._control: AbstractQueue | None = None
        self._cut: set[str] = set()

    def broker(self, *, prefetch: int = 500) -> RabbitMQBroker:
        return RabbitMQBroker(
            self.url,
            queue_type=self.queue_type,
            prefetch=prefetch,
        )

    async def channel(self) -> AbstractChannel:
        """The worker's channel, opened again where the server was restarted."""
        if self._channel is None or self._channel.is_closed:
            if self._connection is None or not self._connection.connected.is_set():
                self._connection = await aio_pika.connect(self.url)
            self._channel = await self._connection.channel()
        return self._channel

    async def take(self, queue_name: str) -> AbstractIncomingMessage:
        """Take one message off a queue, waiting for it."""
        queue = await (await self.channel()).get_queue(queue_name, ensure=False)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (message := await queue.get(no_ack=True, fail=False)) is None:
                await asyncio.sleep(0.01)
        return message

    async def publish(self, queue_name: str, body: bytes) -> None:
        exchange = await (await self.channel()).get_exchange(EXECUTIONS_EXCHANGE, ensure=False)
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await exchange.publish(message, queue_name)

    async def receive(self, pool: str, count: int) -> list[Dispatch]:
        received: list[Dispatch] = []
        while len(received) < count:
            _, assignments = decode_dispatches((await self.take(pool_queue_name(pool))).body)
            received.extend(
                Dispatch(
                    each.execution_id,
                    each.action_ref,
                    each.attempt,
                    pool,
                    each.parameters,
                    each.timeout_seconds,
                    each.at_most_once,
                )
                for each in assignments
            )
        return received

    async def report(
        self,
        *,
        started: Sequence[Started] = (),
        finished: Sequence[Finished] = (),
        heartbeat: Heartbeat | None = None,
    ) -> None:
        if heartbeat:
            await self.publish(COMPLETED_QUEUE, encode_heartbeat(heartbeat).body)
        if started:
            await self.publish(STATUS_QUEUE, encode_starts(started[0].worker, started).body)
        if finished:
            await self.publish(COMPLETED_QUEUE, encode_completions(finished[0].worker or "", finished).body)

    async def listen(self, pool: str) -> None:
        self._control = await declare_control(await self.channel(), pool, "listener")

    async def _control_message(self) -> Control:
        assert self._control is not None, "listen first"
        return decode_control((await self.take(self._control.name)).body)

    async def roll_called(self) -> bool:
        return (await self._control_message()).roll_call is not None

    async def told_to_stop(self) -> list[tuple[int, int]]:
        return list((await self._control_message()).cancelled)

    def connections(self) -> set[tuple[str, str]]:
        """The connections of the broker under test that the server knows: the name that each gave itself, its own.

        The server lists a new one a little later, for a moment without all of its names, and a closed one a little
        longer.
        """
        answer = self._management.get(f"vhosts/{quote(self.vhost, safe='')}/connections").raise_for_status()
        rows: list[dict[str, Any]] = answer.json()
        names = {(str(row.get("client_properties", {}).get("connection_name")), row.get("name")) for row in rows}
        return {(given, own) for given, own in names if own is not None and given.startswith("attune-executor ")}

    async def interrupt(self) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len({given for given, own in self.connections() if own not in self._cut}) < 2:
            assert time.monotonic() < deadline, "the server does not list the broker's connections"
            await asyncio.sleep(0.05)
        for _, own in self.connections():
            answer = self._management.delete(f"connections/{quote(own, safe='')}")
            # The broker closes the second one itself when it has lost the first.
            assert answer.is_success or answer.status_code == httpx.codes.NOT_FOUND, answer.text
            self._cut.add(own)

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
