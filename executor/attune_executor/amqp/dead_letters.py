"""Puts a message that nobody can read or accept aside, with the reason, where an operator finds it."""

import struct
from collections.abc import Mapping
from typing import Any, Final

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractExchange
from aiormq.abc import DeliveredMessage
from pamqp import encode

REASON_HEADER: Final = "x-attune-reason"
QUEUE_HEADER: Final = "x-attune-queue"
_REASON_LIMIT: Final = 1000
# A message's properties travel in one frame, of 128 KiB by default.
_HEADERS_LIMIT_BYTES: Final = 64 * 1024


async def dead_letter(
    dead_letters: AbstractExchange,
    queue: str,
    message: DeliveredMessage,
    reason: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Publish ``message`` of ``queue`` as it came, with ``reason``; returns once the broker has confirmed it.

    Args:
        dead_letters: the exchange of dead letters.
        queue: where the message was.
        message: as delivered. Headers of its own that cannot be sent again are left out.
        reason: for people; cut at 1000 characters.
        details: more headers, for programs.

    Raises whatever aio-pika raises when it is not confirmed; the original must then stay unacknowledged.
    """
    properties = message.header.properties
    await dead_letters.publish(
        Message(
            message.body,
            headers={
                **_repeatable(properties.headers or {}),
                REASON_HEADER: reason[:_REASON_LIMIT],
                QUEUE_HEADER: queue,
                **(details or {}),
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


def _repeatable(headers: dict[str, Any]) -> dict[str, Any]:
    """``headers``, unless the library that read them cannot write them, or could not beside a reason."""
    try:
        size = len(encode.field_table(headers))
    except (TypeError, ValueError, OverflowError, RecursionError, struct.error):
        return {}
    return headers if size <= _HEADERS_LIMIT_BYTES else {}
