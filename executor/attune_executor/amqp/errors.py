"""What goes wrong at the broker, in one exception and in words.

aio-pika ends whatever waits on a connection that dies, sometimes by an error and sometimes by a cancellation. A
cancellation that nobody asked for silently ends the task it reaches, so it must not get past here.
"""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from aio_pika.exceptions import (
    CONNECTION_EXCEPTIONS,
    ChannelPreconditionFailed,
    InvalidFrameError,
    ProbableAuthenticationError,
)
from aiormq.exceptions import ChannelAccessRefused, ChannelLockedResource

from attune_executor.ports.broker import BrokerError

_Result = TypeVar("_Result")
_REFUSALS: Final = (
    ProbableAuthenticationError,
    InvalidFrameError,
    ChannelAccessRefused,
    ChannelLockedResource,
    ChannelPreconditionFailed,
)


def reason(error: BaseException | None) -> str:
    """What happened, in a few words."""
    if error is None:
        return "closed"
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def refuses(failure: BrokerError) -> bool:
    """Whether the broker is there, and refuses what it is asked for."""
    return isinstance(failure.__cause__, _REFUSALS)


def explanation(failure: BrokerError, address: str, vhost: str) -> str:
    """Why no session can be opened with the broker at ``address``, and what to do about it."""
    match failure.__cause__:
        case ProbableAuthenticationError():
            return f"the broker at {address} refused the user or password: check the URL's credentials"
        case InvalidFrameError():
            # aio-pika's word for a connection that is closed in answer to opening the virtual host.
            return (
                f"the broker at {address} refuses the virtual host {vhost!r}:"
                " create it, or grant the user its permissions"
            )
        case ChannelAccessRefused():
            return (
                f"the broker at {address} refuses the user what it needs ({failure}):"
                " grant it configure, write and read, as by rabbitmqctl set_permissions"
            )
        case ChannelLockedResource():
            return str(failure)
        case ChannelPreconditionFailed():
            return (
                f"the broker at {address} has a queue or exchange with other settings ({failure}):"
                " set message_queue.queue_type as it was, or delete that queue once it is empty"
            )
        case _:
            return f"cannot use the broker at {address}: {failure}; check that it runs, and message_queue.url"


async def guarded(operation: Awaitable[_Result]) -> _Result:
    """Await something that uses a connection.

    Raises:
        BrokerError: whatever becomes of the connection; the cause is the library's own error, where there is one.
        asyncio.CancelledError: when the caller itself is cancelled.
    """
    task = asyncio.create_task(_in_task(operation))
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        raise
    if task.cancelled():
        raise BrokerError("the connection to the broker was lost meanwhile")
    try:
        return task.result()
    except CONNECTION_EXCEPTIONS as error:
        raise BrokerError(reason(error)) from error


async def _in_task(operation: Awaitable[_Result]) -> _Result:
    return await operation
