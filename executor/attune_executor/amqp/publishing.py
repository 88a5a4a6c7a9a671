"""Publishing with confirms: many on their way at once, none taken for sent before the broker has confirmed it."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractExchange
from aio_pika.exceptions import PublishError
from aiormq.channel import Channel
from pamqp.commands import Basic

from attune_executor.amqp.link import Session
from attune_executor.amqp.topology import EXECUTIONS_EXCHANGE
from attune_executor.ports.broker import BrokerError, Confirmation
from attune_executor.wire.envelope import WireMessage

CONFIRM_TIMEOUT_SECONDS: Final = 30.0


class UnroutableError(BrokerError):
    """The broker has no queue for ``routing_key``."""

    def __init__(self, routing_key: str) -> None:
        super().__init__(f"the broker has no queue for {routing_key!r}: nothing consumes it and nothing was declared")
        self.routing_key = routing_key


async def send(
    session: Session, messages: Iterable[tuple[str, WireMessage]], delivery_mode: DeliveryMode = DeliveryMode.PERSISTENT
) -> Confirmation:
    """Publish (routing key, message) pairs to the exchange of executions, in order, behind all that was sent before.

    What is ready at once goes in one write. More than `link.WINDOW` messages wait until the broker has confirmed some.

    Returns:
        what waits for the confirmation of all of them; raises UnroutableError where a queue is missing, in which case
        some of the others may be confirmed, and BrokerError where at least one is not confirmed.

    Raises:
        BrokerError: the broker confirms nothing, or the connection is lost; nothing is known of what was sent.
    """
    sending: list[asyncio.Task[None]] = []
    try:
        async with _patience():
            for routing_key, message in messages:
                await session.window.acquire()
                # Tasks start in the order of their creation and take the channel's lock in that order.
                task = asyncio.create_task(_publish(session.publications, routing_key, message, delivery_mode))
                task.add_done_callback(lambda _: session.window.release())
                sending.append(task)
    except BaseException:
        _give_up(sending)
        raise
    return asyncio.create_task(_confirmed(sending))


async def publish_confirmed(
    session: Session, messages: Iterable[tuple[str, WireMessage]], delivery_mode: DeliveryMode = DeliveryMode.PERSISTENT
) -> None:
    """Send, and return once the broker has confirmed all; raises as `send` and its confirmation do."""
    await (await send(session, messages, delivery_mode))


async def _confirmed(sending: Sequence[asyncio.Task[None]]) -> None:
    try:
        async with _patience():
            outcomes = await asyncio.gather(*sending, return_exceptions=True)
    finally:
        _give_up(sending)
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for failure in failures:
        if isinstance(failure, UnroutableError):
            raise failure
    if failures:
        # A connection that dies cancels what waits for its confirms.
        raise BrokerError(f"{len(failures)} of {len(outcomes)} messages not confirmed: {failures[0]!r}") from failures[
            0
        ]


@asynccontextmanager
async def _patience() -> AsyncGenerator[None]:
    try:
        async with asyncio.timeout(CONFIRM_TIMEOUT_SECONDS):
            yield
    except TimeoutError as error:
        raise BrokerError(
            f"the broker did not confirm within {CONFIRM_TIMEOUT_SECONDS:.0f} s: is it out of memory or disk?"
        ) from error


def _give_up(sending: Iterable[asyncio.Task[None]]) -> None:
    for task in sending:
        task.cancel()


async def tell(
    exchange: AbstractExchange, routing_key: str, message: WireMessage, timeout_seconds: float | None = None
) -> None:
    """Publish to whoever listens now: nothing is kept, and nobody listening is no error.

    Raises whatever aio-pika raises where it is not known to be sent.
    """
    await exchange.publish(
        Message(
            message.body,
            content_type="application/json",
            delivery_mode=DeliveryMode.NOT_PERSISTENT,
            message_id=message.message_id,
            type=message.message_type,
        ),
        routing_key,
        mandatory=False,
        timeout=timeout_seconds,
    )


async def _publish(channel: Channel, routing_key: str, message: WireMessage, delivery_mode: DeliveryMode) -> None:
    try:
        # Not waiting for each frame to be written leaves it to the loop to write many at once.
        await channel.basic_publish(
            message.body,
            exchange=EXECUTIONS_EXCHANGE,
            routing_key=routing_key,
            properties=Basic.Properties(
                content_type="application/json",
                delivery_mode=delivery_mode,
                message_id=message.message_id,
                correlation_id=message.correlation_id,
                message_type=message.message_type,
            ),
            mandatory=True,
            wait=False,
        )
    except PublishError as error:
        raise UnroutableError(routing_key) from error
