"""Puts a message that nobody can read aside, with the reason, where an operator finds it."""

from typing import Final

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractExchange
from aiormq.abc import DeliveredMessage

REASON_HEADER: Final = "x-attune-reason"
QUEUE_HEADER: Final = "x-attune-queue"
_REASON_LIMIT: Final = 1000


async def dead_letter(dead_letters: AbstractExchange, queue: str, message: DeliveredMessage, reason: str) -> None:
    """Publish ``message`` of ``queue`` as it came, with ``reason``; returns once the broker has confirmed it.

    Raises whatever aio-pika raises when it is not confirmed; the original must then stay unacknowledged.
    """
    properties = message.header.properties
    await dead_letters.publish(
        Message(
            message.body,
            headers={
                **(properties.headers or {}),
                REASON_HEADER: reason[:_REASON_LIMIT],
                QUEUE_HEADER: queue,
            },
            content_type=properties.content_type,
            content_encoding=properties.content_encoding,
            delivery_mode=DeliveryMode.PERSISTENT,
            correlation_id=properties.correlation_id,
            message_id=properties.message_id,
            timestamp=properties.timestamp,
            type=properties.message_type,
            app_id=properties.app_id,
        ),
        queue,
        mandatory=True,
    )
