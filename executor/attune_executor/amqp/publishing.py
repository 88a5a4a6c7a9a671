"""Publishing with confirms: many on their way at once, none taken for sent before the broker has confirmed it."""

import asyncio
from collections.abc import Iterable
from typing import Final

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractExchange
from aio_pika.exceptions import PublishError

from attune_executor.ports.broker import BrokerError
from attune_executor.wire.envelope import WireMessage

WINDOW: Final = 500
"""Messages on their way at once: enough to hide the round trip, few enough to bound memory."""
CONFIRM_TIMEOUT_SECONDS: Final = 30.0


class UnroutableError(BrokerError):
    """The broker has no queue for ``routing_key``."""

    def __init__(self, routing_key: str) -> None:
        super().__init__(f"the broker has no queue for {routing_key!r}: nothing consumes it and nothing was declared")
        self.routing_key = routing_key


async def publish_confirmed(exchange: AbstractExchange, messages: Iterable[tuple[str, WireMessage]]) -> None:
    """Publish (routing key, message) pairs in this order and return once the broker has confirmed all.

    Raises:
        UnroutableError: a queue is missing; some of the others may be confirmed.
        BrokerError: at least one is not confirmed.
    """
    window = asyncio.Semaphore(WINDOW)
    sending: list[asyncio.Task[None]] = []
    try:
        async with asyncio.timeout(CONFIRM_TIMEOUT_SECONDS):
            for routing_key, message in messages:
                await window.acquire()
                # Tasks start in the order of their creation and take the channel's lock in that order.
                task = asyncio.create_task(_publish(exchange, routing_key, message))
                task.add_done_callback(lambda _: window.release())
                sending.append(task)
            outcomes = await asyncio.gather(*sending, return_exceptions=True)
    except TimeoutError as error:
        raise BrokerError(
            f"the broker did not confirm within {CONFIRM_TIMEOUT_SECONDS:.0f} s: is it out of memory or disk?"
        ) from error
    finally:
        for task in sending:
            task.cancel()
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for failure in failures:
        if isinstance(failure, UnroutableError):
            raise failure
    if failures:
        # A connection that dies cancels what waits for its confirms.
        raise BrokerError(f"{len(failures)} of {len(outcomes)} messages not confirmed: {failures[0]!r}") from failures[
            0
        ]


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


async def _publish(exchange: AbstractExchange, routing_key: str, message: WireMessage) -> None:
    try:
        await exchange.publish(
            Message(
                message.body,
                content_type="application/json",
                delivery_mode=DeliveryMode.PERSISTENT,
                message_id=message.message_id,
                correlation_id=message.correlation_id,
                type=message.message_type,
            ),
            routing_key,
            mandatory=True,
        )
    except PublishError as error:
        raise UnroutableError(routing_key) from error
