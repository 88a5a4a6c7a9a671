"""Executions requested by messages through a real RabbitMQ: the guarantees of HTTP, refusals and nonsense put aside."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from attune_executor.adapters.clock import SystemClock
from attune_executor.adapters.memory import JournalStore, MemoryBroker, MemoryJournal, MemoryQueueStatsRepository
from attune_executor.adapters.rabbitmq import RequestIntake
from attune_executor.amqp.topology import DEAD_LETTER_QUEUE, REQUESTED_QUEUE, QueueType
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.submission import ExecutionRequest, Receipt
from attune_executor.engine.engine import Engine
from attune_executor.engine.statistics import Statistics
from attune_executor.engine.views import UnavailableError
from attune_executor.wire.requests import encode_requests
from contract.rabbitmq_broker_rig import RabbitMQRig
from testbed.services.rabbitmq import RabbitMQServer

REF = "core.echo"
DEADLINE_SECONDS = 60


@pytest.fixture
async def rig(rabbitmq_server: RabbitMQServer, amqp_url: str) -> AsyncIterator[RabbitMQRig]:
    rig = RabbitMQRig(amqp_url, rabbitmq_server.management)
    yield rig
    await rig.close()


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    clock, store = SystemClock(), JournalStore()
    statistics = Statistics(clock, MemoryQueueStatsRepository(store))
    broker = MemoryBroker()
    engine = Engine("test", MemoryJournal(store), broker, statistics, clock)
    running = asyncio.create_task(engine.run())
    await engine.started()
    broker.add_worker("worker-1")
    await engine.set_policy(REF, QueuePolicy(concurrency=1, max_queue_length=2))
    yield engine
    engine.stop()
    await running


class Desk:
    """Accepts everything, one execution per key, and keeps count; or is closed."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.accepted: dict[str | None, int] = {}
        self.open = asyncio.Event()
        self.open.set()
        self.refusing = False

    async def submit(self, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt]:
        self.calls.append(len(requests))
        await self.open.wait()
        if self.refusing:
            raise UnavailableError("database away")
        return [self._receipt(request) for request in requests]

    def _receipt(self, request: ExecutionRequest) -> Receipt:
        duplicate = request.idempotency_key in self.accepted
        number = self.accepted.setdefault(request.idempotency_key, len(self.accepted) + 1)
        return Receipt(number, request.action_ref, ExecutionStatus.REQUESTED, number, duplicate)


@asynccontextmanager
async def taking_in(
    rig: RabbitMQRig, engine: Engine | Desk, *, prefetch: int = 250, to_the_end: bool = True
) -> AsyncGenerator[RequestIntake]:
    """An intake that is stopped once it has acknowledged what it was given, or in the middle of that."""
    intake = RequestIntake(
        rig.url, engine, queue_type=QueueType.CLASSIC, max_executions=10, max_bytes=20_000, prefetch=prefetch
    )
    await intake.start()
    running = asyncio.create_task(intake.run())
    try:
        yield intake
        async with asyncio.timeout(DEADLINE_SECONDS):
            while to_the_end and intake._wake.is_set():  # pyright: ignore[reportPrivateUsage] - not seen from outside
                await asyncio.sleep(0.01)
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait({running})
        await intake.stop()


def requested(*refs: str, parameters: bytes = b"{}", key: str | None = None) -> bytes:
    return encode_requests([ExecutionRequest(ref, parameters, key) for ref in refs], "client").body


async def publish_many(rig: RabbitMQRig, count: int, *refs: str) -> None:
    await rig.channel()  # one for all of them
    await asyncio.gather(*(rig.publish(REQUESTED_QUEUE, requested(*refs)) for _ in range(count)))


async def accepted(desk: Desk, count: int) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while len(desk.accepted) < count:
            await asyncio.sleep(0.01)


async def left(rig: RabbitMQRig, queue: str = REQUESTED_QUEUE) -> int:
    """Messages in the queue, once nobody consumes it: those not acknowledged are back."""
    declared = await (await rig.channel()).declare_queue(queue, passive=True)
    return declared.declaration_result.message_count or 0


async def dead_letters(rig: RabbitMQRig, count: int) -> list[AbstractIncomingMessage]:
    return [await rig.take(DEAD_LETTER_QUEUE) for _ in range(count)]


async def test_what_is_requested_is_accepted_and_acknowledged(rig: RabbitMQRig, engine: Engine) -> None:
    async with taking_in(rig, engine):
        await rig.publish(REQUESTED_QUEUE, requested(REF, REF, parameters=b'{"x": 1}'))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (view := await engine.execution(2)) is None:
                await asyncio.sleep(0.01)
    assert (view.stored.action_ref, view.stored.parameters, view.queue_position) == (REF, b'{"x": 1}', 1)
    assert await left(rig) == 0


async def test_one_message_is_one_execution_however_often_it_comes(rig: RabbitMQRig, engine: Engine) -> None:
    body = requested(REF, REF)
    async with taking_in(rig, engine):
        for _ in range(5):
            await rig.publish(REQUESTED_QUEUE, body)
        await rig.publish(REQUESTED_QUEUE, requested(REF, key="mine"))
        await rig.publish(REQUESTED_QUEUE, requested(REF, key="mine"))
        await rig.publish(REQUESTED_QUEUE, requested("core.end"))
        await dead_letters(rig, 1)
    assert await engine.execution(3) is not None
    assert await engine.execution(4) is None
    assert await left(rig) == 0


async def test_what_is_refused_is_put_aside_with_its_reason_and_the_rest_stays(
    rig: RabbitMQRig, engine: Engine
) -> None:
    bodies = [requested(REF, "core.missing", REF), requested(REF, REF, "core.missing")]
    async with taking_in(rig, engine):
        for body in bodies:
            await rig.publish(REQUESTED_QUEUE, body)
        some, more = await dead_letters(rig, 2)
    assert [some.body, more.body] == bodies
    assert some.headers["x-attune-queue"] == REQUESTED_QUEUE
    assert some.headers["x-attune-refused"] == {"unknown_action": "1"}
    assert "1 of 3 refused: executions[1] unknown_action: " in str(some.headers["x-attune-reason"])
    assert more.headers["x-attune-refused"] == {"queue_full": "1", "unknown_action": "2"}
    assert "executions[1] queue_full: Queue full (max length: 2)" in str(more.headers["x-attune-reason"])
    assert await engine.execution(3) is not None
    assert await left(rig) == 0


async def test_nonsense_is_put_aside_with_its_reason_and_stops_nothing(rig: RabbitMQRig) -> None:
    reasons = {
        b"": "envelope: ",
        b"\xff\x00": "envelope: ",
        b"[" * 15_000: "envelope: ",
        requested(REF, parameters=b"[]"): "Expected `object`",
        requested(*[REF] * 11): "send at most 10 at a time",
        requested(REF, parameters=b'{"x": "%s"}' % (b"y" * 20_000)): "send at most 20000",
    }
    desk = Desk()
    async with taking_in(rig, desk):
        for body in reasons:
            await rig.publish(REQUESTED_QUEUE, body)
            await rig.publish(REQUESTED_QUEUE, requested(REF))
        letters = await dead_letters(rig, len(reasons))
        await accepted(desk, len(reasons))
    for letter in letters:
        assert reasons[letter.body] in str(letter.headers["x-attune-reason"])
        assert letter.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert await left(rig) == 0


UNREADABLE_PROPERTIES: list[dict[str, Any]] = [
    {"timestamp": 18_000_000_000_000_000_000},  # a year that no datetime has
    {"headers": {"number": 1e300}},  # read as a double, written as a float
    {"headers": {"when": 2**62, "list": [1.5, {"of": [1, "é"]}]}},
    {"type": "t" * 255, "app_id": "a" * 255, "correlation_id": "c" * 255},
]


@pytest.mark.parametrize("properties", UNREADABLE_PROPERTIES)
async def test_whatever_the_properties_are_the_body_counts(
    rig: RabbitMQRig, rabbitmq_server: RabbitMQServer, properties: dict[str, Any]
) -> None:
    desk = Desk()
    async with taking_in(rig, desk):
        for body in (b"nonsense", requested(REF)):
            message = {"properties": properties, "routing_key": REQUESTED_QUEUE, "payload": body.decode()}
            answer = rabbitmq_server.management.post(
                f"exchanges/{rig.vhost}/amq.default/publish", json={**message, "payload_encoding": "string"}
            )
            assert answer.json() == {"routed": True}
        assert [letter.body for letter in await dead_letters(rig, 1)] == [b"nonsense"]
        await accepted(desk, 1)
    assert await left(rig) == 0


async def test_headers_that_cannot_be_sent_again_do_not_hold_a_dead_letter_up(rig: RabbitMQRig) -> None:
    exchange = (await rig.channel()).default_exchange
    async with taking_in(rig, Desk()):
        for headers in ({"note": "kept"}, {"long": "x" * 120_000}):
            await exchange.publish(aio_pika.Message(b"nonsense", headers=dict(headers)), REQUESTED_QUEUE)
        letters = await dead_letters(rig, 2)
    assert [letter.headers.get("note") for letter in letters] == ["kept", None]
    assert all("x-attune-reason" in letter.headers for letter in letters)


async def test_messages_wait_while_the_engine_is_away_and_go_on_by_themselves(rig: RabbitMQRig) -> None:
    desk = Desk()
    desk.refusing = True
    desk.open.clear()
    async with taking_in(rig, desk, prefetch=5) as intake:
        for _ in range(20):
            await rig.publish(REQUESTED_QUEUE, requested(REF))
        async with asyncio.timeout(DEADLINE_SECONDS):
            # The first few are at the desk already.
            while not desk.calls or desk.calls[0] + len(intake._delivered) < 5:  # pyright: ignore[reportPrivateUsage]
                await asyncio.sleep(0.01)
            desk.open.set()
            while len(desk.calls) < 4:
                await asyncio.sleep(0.01)
        assert len(set(desk.calls[1:])) == 1, "the same messages are tried again"
        assert max(desk.calls) <= 5, "no more than the prefetch is at hand"
        assert await left(rig) == 15
        desk.refusing = False
        await accepted(desk, 20)
    assert len(desk.accepted) == 20
    assert await left(rig) == 0
    assert await left(rig, DEAD_LETTER_QUEUE) == 0


async def test_nothing_is_acknowledged_before_it_is_accepted(rig: RabbitMQRig) -> None:
    desk = Desk()
    desk.open.clear()
    async with taking_in(rig, desk, to_the_end=False):
        await rig.publish(REQUESTED_QUEUE, b"nonsense")
        await rig.publish(REQUESTED_QUEUE, requested(REF))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not desk.calls:
                await asyncio.sleep(0.01)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await left(rig) == 0:
            await asyncio.sleep(0.01)
    desk.open.set()
    async with taking_in(rig, desk):
        await accepted(desk, 1)
        await dead_letters(rig, 1)
    assert await left(rig) == 0


async def test_messages_at_hand_join_into_few_turns(rig: RabbitMQRig) -> None:
    desk = Desk()
    desk.open.clear()
    async with taking_in(rig, desk, prefetch=500) as intake:
        await publish_many(rig, 500, REF, REF)
        async with asyncio.timeout(DEADLINE_SECONDS):
            # The first few are at the desk already.
            while not desk.calls or desk.calls[0] // 2 + len(intake._delivered) < 500:  # pyright: ignore[reportPrivateUsage]
                await asyncio.sleep(0.01)
        desk.open.set()
        await accepted(desk, 1000)
    assert len(desk.calls) == 2
    assert await left(rig) == 0


async def test_lost_connections_lose_and_double_nothing(rig: RabbitMQRig) -> None:
    desk = Desk()
    async with taking_in(rig, desk, prefetch=20):
        for round_number in range(3):
            await publish_many(rig, 200, REF)
            await rig.interrupt()
            await accepted(desk, 200 * (round_number + 1))
    assert len(desk.accepted) == 600
    assert await left(rig) == 0


async def test_a_queue_that_someone_deletes_comes_back(rig: RabbitMQRig) -> None:
    desk = Desk()
    async with taking_in(rig, desk):
        await (await rig.channel()).queue_delete(REQUESTED_QUEUE)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not desk.accepted:
                try:
                    await rig.publish(REQUESTED_QUEUE, requested(REF, key="again"))
                except aio_pika.exceptions.DeliveryError:  # until the queue is back
                    await asyncio.sleep(0.05)
                else:
                    await asyncio.sleep(0.05)
