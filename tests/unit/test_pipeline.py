"""The pipeline: what is sent, in which order, how often, and what is told of it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest

from attune_executor import pipeline
from attune_executor.backoff import Backoff
from attune_executor.pipeline import Pipeline
from attune_executor.ports.broker import BrokerError, Confirmation

AWAY = BrokerError("away")


class Broker:
    """Confirms what a test says, when it says so."""

    def __init__(self) -> None:
        self.received: list[tuple[int, Sequence[int]]] = []
        """How often it was sent before, and what."""
        self.confirmations: list[asyncio.Future[None]] = []
        self.away = False
        self.sent: list[int] = []
        self.confirmed: list[int] = []
        self.failures: list[int] = []
        self.pipeline = Pipeline(self._send, on_sent=self._sent, on_confirmed=self._confirmed, on_failure=self._failed)

    async def _send(self, items: Sequence[int], retries: int) -> Confirmation:
        if self.away:
            raise AWAY
        self.received.append((retries, items))
        self.confirmations.append(asyncio.get_running_loop().create_future())
        return self.confirmations[-1]

    async def _sent(self, items: Sequence[int]) -> None:
        self.sent.extend(items)

    async def _confirmed(self, items: Sequence[int]) -> None:
        self.confirmed.extend(items)

    def _failed(self, count: int, error: BrokerError) -> None:
        assert error is AWAY
        self.failures.append(count)

    async def put(self, *items: int) -> None:
        """Put in, and let it be sent."""
        self.pipeline.put(items)
        await settled()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        task = asyncio.create_task(self.pipeline.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
        assert task.cancelled()


async def settled() -> None:
    """Let everything happen that needs no time."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    async def at_once(_: Backoff) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(Backoff, "wait", at_once)
    return Broker()


async def test_nothing_waits_for_the_confirmation_of_what_was_sent_before(broker: Broker) -> None:
    async with broker.running():
        for item in (1, 2, 3):
            await broker.put(item)
        assert broker.received == [(0, [1]), (0, [2]), (0, [3])]
        assert (broker.sent, broker.confirmed) == ([1, 2, 3], [])


async def test_confirmations_are_told_in_order(broker: Broker) -> None:
    async with broker.running():
        await broker.put(1)
        await broker.put(2)
        broker.confirmations[1].set_result(None)
        await settled()
        assert broker.confirmed == [], "the first may still fail"
        broker.confirmations[0].set_result(None)
        await asyncio.wait_for(broker.pipeline.drained(), 60)
        assert broker.confirmed == [1, 2]


async def test_what_failed_is_sent_again_and_nothing_else(broker: Broker) -> None:
    async with broker.running():
        for item in (1, 2, 3):
            await broker.put(item)
        broker.confirmations[0].set_exception(AWAY)
        await broker.put(4)
        assert len(broker.received) == 3, "nothing overtakes what is to be sent again"
        broker.confirmations[1].set_result(None)
        broker.confirmations[2].set_exception(AWAY)
        await settled()
        assert broker.received[3:] == [(1, [1]), (1, [3]), (0, [4])]
        assert (broker.failures, broker.confirmed) == ([2], [])
        for confirmation in broker.confirmations[3:]:
            confirmation.set_result(None)
        await asyncio.wait_for(broker.pipeline.drained(), 60)
        assert broker.confirmed == [1, 2, 3, 4]


async def test_what_cannot_be_sent_is_sent_once_it_can(broker: Broker) -> None:
    async with broker.running():
        broker.away = True
        await broker.put(1)
        assert (broker.received, broker.sent) == ([], [])
        assert broker.failures
        broker.away = False
        await settled()
        [(retries, items)] = broker.received
        assert (retries > 0, items, broker.sent) == (True, [1], [1])


async def test_what_is_forgotten_is_neither_sent_again_nor_told(broker: Broker) -> None:
    async with broker.running():
        await broker.put(1)
        broker.confirmations[0].set_exception(AWAY)
        broker.pipeline.forget()
        await broker.put(2)
        broker.confirmations[1].set_result(None)
        await asyncio.wait_for(broker.pipeline.drained(), 60)
        assert (broker.received, broker.confirmed) == ([(0, [1]), (0, [2])], [2])


async def test_when_everything_is_forgotten_nothing_is_left_to_wait_for(broker: Broker) -> None:
    async with broker.running():
        await broker.put(1)
        broker.pipeline.forget()
        await asyncio.wait_for(broker.pipeline.drained(), 60)


async def test_beyond_its_bound_of_batches_items_gather(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_BATCHES", 2)
    async with broker.running():
        for item in range(5):
            await broker.put(item)
        assert [items for _, items in broker.received] == [[0], [1]]
        broker.confirmations[0].set_result(None)
        await settled()
        assert [items for _, items in broker.received] == [[0], [1], [2, 3, 4]]
