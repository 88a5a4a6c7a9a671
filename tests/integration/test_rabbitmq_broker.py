"""What is RabbitMQ's own: malformed messages, restarts, deleted queues, bounds, and words for what is wrong."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress

import aio_pika
import pytest

from attune_executor.adapters.rabbitmq import RabbitMQBroker
from attune_executor.adapters.rabbitmq.company import WORK_SECONDS
from attune_executor.amqp import publishing
from attune_executor.amqp.topology import (
    COMPLETED_QUEUE,
    DEAD_LETTER_QUEUE,
    REQUESTED_QUEUE,
    STATUS_QUEUE,
    QueueType,
    pool_queue_name,
)
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.records import Finished
from attune_executor.ports.broker import BrokerError, Dispatch, WorkerReport
from contract.rabbitmq_broker_rig import RabbitMQRig
from testbed.services.rabbitmq import RabbitMQServer

POOL = "default"
DEADLINE_SECONDS = 60


@pytest.fixture
async def rig(rabbitmq_server: RabbitMQServer, amqp_url: str) -> AsyncIterator[RabbitMQRig]:
    rig = RabbitMQRig(amqp_url, rabbitmq_server.management)
    yield rig
    await rig.close()


@asynccontextmanager
async def started(broker: RabbitMQBroker) -> AsyncGenerator[list[WorkerReport]]:
    heard: list[WorkerReport] = []
    await broker.start(heard.append)
    await broker.ensure_pool(POOL)
    yield heard
    await broker.stop()


async def heard_of(heard: list[WorkerReport], count: int) -> list[int]:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while len(heard) < count:
            await asyncio.sleep(0.005)
    return [record.execution_id for report in heard for record in report.finished]


def dispatch(execution_id: int, pool: str = POOL) -> Dispatch:
    return Dispatch(execution_id, "core.echo", 1, pool, b"{}")


def finished(execution_id: int) -> Finished:
    return Finished(execution_id, 1, ExecutionStatus.SUCCEEDED, b"{}", "worker-1", 1.0, 2.0)


async def publish_until_confirmed(broker: RabbitMQBroker, *dispatches: Dispatch) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                return await (await broker.send(dispatches))
            except BrokerError:
                await asyncio.sleep(0.05)


async def test_a_malformed_report_is_put_aside_with_its_reason_and_stops_nothing(rig: RabbitMQRig) -> None:
    bodies = [b"", b"\xff\x00", b"{}", b"[" * 50_000, b'{"message_type": "Nonsense"}']
    async with started(rig.broker()) as heard:
        for number, body in enumerate(bodies, start=1):
            await rig.publish(COMPLETED_QUEUE, body)
            await rig.report(finished=[finished(number)])
        assert await heard_of(heard, len(bodies)) == [1, 2, 3, 4, 5]
        letters = [await rig.take(DEAD_LETTER_QUEUE) for _ in bodies]
    assert [letter.body for letter in letters] == bodies
    for letter in letters:
        assert str(letter.headers["x-attune-reason"]).startswith("envelope: ")
        assert letter.headers["x-attune-queue"] == COMPLETED_QUEUE
        assert letter.delivery_mode == aio_pika.DeliveryMode.PERSISTENT


async def test_malformed_reports_are_acknowledged_with_the_others_and_not_delivered_again(rig: RabbitMQRig) -> None:
    broker = rig.broker()
    async with started(broker) as heard:
        await rig.publish(COMPLETED_QUEUE, b"one")
        await rig.report(finished=[finished(1)])
        await rig.publish(COMPLETED_QUEUE, b"two")
        await rig.report(finished=[finished(2)])
        await rig.publish(COMPLETED_QUEUE, b"three")
        await heard_of(heard, 2)
        await broker.acknowledge(heard[0].mark)
        for _ in range(3):
            await rig.take(DEAD_LETTER_QUEUE)
    async with started(rig.broker()) as heard:
        assert await heard_of(heard, 1) == [2]
        await rig.take(DEAD_LETTER_QUEUE)  # the one behind report 2, which nobody acknowledged
        await rig.report(finished=[finished(3)])
        assert await heard_of(heard, 2) == [2, 3]


async def test_consecutive_dispatches_of_a_pool_share_messages_in_order(rig: RabbitMQRig) -> None:
    broker = rig.broker()
    async with started(broker):
        await broker.ensure_pool("other")
        pools = [POOL] * 5 + ["other"] * 2 + [POOL] * 3
        await (
            await broker.send(
                [
                    dispatch(number, pool)._replace(expected_seconds=0.99 * WORK_SECONDS / 4)
                    for number, pool in enumerate(pools, start=1)
                ]
            )
        )
        sizes: list[int] = []
        ids: list[int] = []
        while len(ids) < 8:
            batch = await rig.receive(POOL, 1)
            sizes.append(len(batch))
            ids.extend(each.execution_id for each in batch)
    assert ids == [1, 2, 3, 4, 5, 8, 9, 10]
    assert sizes == [4, 1, 3]
    assert [each.execution_id for each in await rig.receive("other", 2)] == [6, 7]


async def test_completions_survive_the_broker_and_the_rest_recovers(
    rig: RabbitMQRig, rabbitmq_server: RabbitMQServer
) -> None:
    broker = rig.broker()
    async with started(broker) as heard:
        await (await broker.send([dispatch(1)]))
        await rig.report(finished=[finished(1)])
        await heard_of(heard, 1)
        rabbitmq_server.kill()
        with pytest.raises(BrokerError):
            await (await broker.send([dispatch(2)]))
        with pytest.raises(BrokerError, match=r"not connected to the broker at 127\.0\.0\.1:\d+; reconnecting"):
            await broker.ensure_pool("later")
        assert not broker.connected
        await broker.acknowledge(heard[0].mark)
        rabbitmq_server.start()
        await publish_until_confirmed(broker, dispatch(2))
        await publish_until_confirmed(broker, dispatch(3, "later"))
        assert await heard_of(heard, 2) == [1, 1], "the acknowledgement of a lost connection is void"
        await broker.acknowledge(heard[1].mark)
    # A classic queue keeps no dispatches: workers run them on, and what none had is found by the roll call.
    survivors = [1, 2] if rig.queue_type is QueueType.QUORUM else [2]
    assert [each.execution_id for each in await rig.receive(POOL, len(survivors))] == survivors
    assert [each.execution_id for each in await rig.receive("later", 1)] == [3]
    async with started(rig.broker()) as heard:
        await rig.report(finished=[finished(9)])
        assert await heard_of(heard, 1) == [9]


async def test_a_broker_that_hangs_is_an_error_and_not_a_wait_for_ever(
    rig: RabbitMQRig, rabbitmq_server: RabbitMQServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "CONFIRM_TIMEOUT_SECONDS", 1.0)
    broker = rig.broker()
    async with started(broker):
        rabbitmq_server.pause()
        try:
            with pytest.raises(BrokerError, match="did not confirm within 1 s: is it out of memory or disk"):
                await (await broker.send([dispatch(1)]))
        finally:
            rabbitmq_server.resume()
        await publish_until_confirmed(broker, dispatch(2))
    arrived = set[int]()
    while arrived != {1, 2}:  # once or twice, not never
        arrived |= {each.execution_id for each in await rig.receive(POOL, 1)}


async def test_queues_that_someone_deletes_come_back(rig: RabbitMQRig) -> None:
    broker = rig.broker()
    async with started(broker) as heard:
        channel = await rig.channel()
        await channel.queue_delete(pool_queue_name(POOL))
        with pytest.raises(BrokerError, match=r"no queue for 'worker\.default\.executions'"):
            await (await broker.send([dispatch(1)]))
        await (await broker.send([dispatch(1)]))
        assert [each.execution_id for each in await rig.receive(POOL, 1)] == [1]

        await channel.queue_delete(COMPLETED_QUEUE)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not heard:
                with suppress(aio_pika.exceptions.DeliveryError):  # until the queue is back
                    await rig.report(finished=[finished(1)])
                await asyncio.sleep(0.1)


async def test_deliveries_stop_at_the_prefetch_until_they_are_acknowledged(rig: RabbitMQRig) -> None:
    broker = rig.broker(prefetch=3)
    async with started(broker) as heard:
        for number in range(1, 9):
            await rig.report(finished=[finished(number)])
        assert await heard_of(heard, 3) == [1, 2, 3]
        waiting = await (await rig.channel()).declare_queue(COMPLETED_QUEUE, passive=True)
        assert waiting.declaration_result.message_count == 5
        assert len(heard) == 3
        await broker.acknowledge(heard[1].mark)
        assert await heard_of(heard, 5) == [1, 2, 3, 4, 5]


async def test_connections_are_named(rig: RabbitMQRig) -> None:
    async with started(rig.broker()), asyncio.timeout(DEADLINE_SECONDS):
        while {given.rsplit(" ", 1)[1] for given, _ in rig.connections()} != {"consume", "publish"}:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("queue_type", QueueType)
async def test_both_sides_may_declare_first(
    amqp_url: str, rabbitmq_server: RabbitMQServer, queue_type: QueueType
) -> None:
    rig = RabbitMQRig(amqp_url, rabbitmq_server.management, queue_type)
    async with started(rig.broker()), started(rig.broker()):
        answer = rabbitmq_server.management.get(f"queues/{rig.vhost}").raise_for_status()
        types = {row["name"]: row["type"] for row in answer.json()}
    assert types == dict.fromkeys(
        (REQUESTED_QUEUE, COMPLETED_QUEUE, STATUS_QUEUE, DEAD_LETTER_QUEUE, pool_queue_name(POOL)), queue_type.value
    )


async def test_another_queue_type_than_the_queues_have_is_named_with_the_remedy(
    amqp_url: str, rabbitmq_server: RabbitMQServer
) -> None:
    async with started(RabbitMQRig(amqp_url, rabbitmq_server.management).broker()):
        pass
    other = RabbitMQBroker(amqp_url, queue_type=QueueType.QUORUM)
    with pytest.raises(BrokerError, match=r"set message_queue\.queue_type as it was, or delete that queue"):
        await other.start(lambda _: None)


async def test_a_broker_that_refuses_is_named_without_the_password(rabbitmq_server: RabbitMQServer) -> None:
    address = f"127.0.0.1:{rabbitmq_server.port}"
    for url, problem in (
        (f"amqp://attune:hunter2@{address}/", "refused the user or password: check the URL's credentials"),
        ("amqp://attune:hunter2@127.0.0.1:1/", "[Errno 111]"),
        (rabbitmq_server.vhost_url("nowhere"), "refuses the virtual host 'nowhere': create it"),
        ("amqp://attune:hunter2@no-such-host.invalid/", "no-such-host.invalid:5672"),
    ):
        with pytest.raises(BrokerError) as raised:
            await RabbitMQBroker(url).start(lambda _: None)
        assert problem in str(raised.value)
        assert "hunter2" not in str(raised.value)


async def test_an_impossible_pool_name_is_refused_before_it_becomes_a_wildcard(rig: RabbitMQRig) -> None:
    broker = rig.broker()
    async with started(broker):
        for pool in ("#", "*", "a.b.c", ".a", "", "Upper", "-a", "a" * 64):
            with pytest.raises(ValueError, match="use 1 to 63 lower-case letters"):
                await broker.ensure_pool(pool)


@pytest.mark.parametrize("queue_type", QueueType)
@pytest.mark.parametrize("per_message", [1, 16])
async def test_the_rate_of_dispatches(
    amqp_url: str,
    rabbitmq_server: RabbitMQServer,
    queue_type: QueueType,
    per_message: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broker = RabbitMQRig(amqp_url, rabbitmq_server.management, queue_type).broker()
    async with started(broker):
        before = time.perf_counter()
        expected = 0.99 * WORK_SECONDS / per_message
        await (await broker.send([dispatch(number)._replace(expected_seconds=expected) for number in range(1, 3001)]))
        rate = 3000 / (time.perf_counter() - before)
    with capsys.disabled():
        print(  # noqa: T201 - a measurement for whoever looks, not a claim
            f" {queue_type} queues, {per_message} to a message: {rate:,.0f} dispatches/s ", end=""
        )
