"""A connection that dies becomes one exception, however the library says it."""

import asyncio

import pytest
from aio_pika.exceptions import AMQPConnectionError, ChannelClosed, ProbableAuthenticationError
from aiormq.exceptions import ChannelAccessRefused

from attune_executor.amqp.errors import explanation, guarded, refuses
from attune_executor.ports.broker import BrokerError


async def returning() -> int:
    return 7


async def raising(error: BaseException) -> int:
    raise error


async def test_results_and_other_errors_pass() -> None:
    assert await guarded(returning()) == 7
    with pytest.raises(ValueError, match="mine"):
        await guarded(raising(ValueError("mine")))


@pytest.mark.parametrize(
    "error",
    [AMQPConnectionError("gone"), ChannelClosed(406, "gone"), ConnectionResetError("gone"), TimeoutError("gone")],
    ids=lambda error: type(error).__name__,
)
async def test_errors_of_the_connection_are_broker_errors(error: Exception) -> None:
    with pytest.raises(BrokerError, match="gone") as raised:
        await guarded(raising(error))
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    ("error", "there", "says"),
    [
        (ProbableAuthenticationError("403"), True, "refused the user or password"),
        (ChannelAccessRefused("ACCESS_REFUSED"), True, "set_permissions"),
        (ConnectionRefusedError("nobody listens"), False, "check that it runs"),
    ],
)
async def test_a_broker_that_refuses_is_told_from_one_that_is_away(error: Exception, there: bool, says: str) -> None:
    with pytest.raises(BrokerError) as raised:
        await guarded(raising(error))
    assert refuses(raised.value) is there
    assert says in explanation(raised.value, "broker:5672", "/")


async def test_a_cancellation_that_nobody_asked_for_is_a_broker_error() -> None:
    with pytest.raises(BrokerError, match="lost meanwhile"):
        await guarded(raising(asyncio.CancelledError()))


async def test_the_callers_own_cancellation_reaches_the_operation_and_the_caller() -> None:
    cancelled = asyncio.Event()

    async def operation() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    caller = asyncio.create_task(guarded(operation()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert cancelled.is_set()
