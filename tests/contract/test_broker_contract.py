"""What the engine relies on of any broker."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from attune_executor.amqp.topology import QueueType
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.records import Finished, Started
from attune_executor.domain.workers import Heartbeat
from attune_executor.ports.broker import Broker, BrokerError, Cancel, DeliveryMark, Dispatch, WorkerReport
from contract.broker_rig import BrokerRig
from contract.memory_broker_rig import MemoryBrokerRig
from contract.rabbitmq_broker_rig import RabbitMQRig
from testbed.services.rabbitmq import RabbitMQServer

DEADLINE_SECONDS = 60
POOL = "default"


@pytest.fixture(params=["memory", "rabbitmq classic", "rabbitmq quorum"])
async def rig(
    request: pytest.FixtureRequest, rabbitmq_server: RabbitMQServer, amqp_url: str
) -> AsyncIterator[BrokerRig]:
    kind, _, queue_type = str(request.param).partition(" ")
    if kind == "memory":
        rig: BrokerRig = MemoryBrokerRig()
    else:
        rig = RabbitMQRig(amqp_url, rabbitmq_server.management, QueueType(queue_type))
    yield rig
    await rig.close()


class Heard(list[WorkerReport]):
    """The reports that a broker has delivered."""

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self) < count:
                await asyncio.sleep(0.005)

    def ids(self) -> list[int]:
        return [record.execution_id for report in self for record in (*report.started, *report.finished)]


@asynccontextmanager
async def owner(rig: BrokerRig) -> AsyncGenerator[tuple[Broker, Heard]]:
    broker, heard = rig.broker(), Heard()
    await broker.start(heard.append)
    yield broker, heard
    await broker.stop()


def dispatch(execution_id: int, pool: str = POOL, parameters: bytes = b"{}") -> Dispatch:
    return Dispatch(execution_id, "core.echo", 1, pool, parameters)


def finished(execution_id: int) -> Finished:
    return Finished(execution_id, 2, ExecutionStatus.SUCCEEDED, b'{"n":1}', "worker-1", 10.25, 11.5)


async def eventually(attempt: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not attempt():
            await asyncio.sleep(0.01)


async def publish_until_confirmed(broker: Broker, *dispatches: Dispatch) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                return await (await broker.send(dispatches))
            except BrokerError:
                await asyncio.sleep(0.01)


async def test_dispatches_wait_in_their_pool_for_its_first_worker(rig: BrokerRig) -> None:
    sent = [dispatch(number) for number in range(1, 1201)]
    async with owner(rig) as (broker, _):
        await broker.ensure_pool(POOL)
        await (await broker.send(sent))
    assert await rig.receive(POOL, len(sent)) == sent


async def test_pools_do_not_mix(rig: BrokerRig) -> None:
    async with owner(rig) as (broker, _):
        await broker.ensure_pool("red")
        await broker.ensure_pool("blue")
        await (await broker.send([dispatch(number, pool) for number, pool in enumerate(["red", "blue"] * 5, start=1)]))
    assert [each.execution_id for each in await rig.receive("red", 5)] == [1, 3, 5, 7, 9]
    assert [each.execution_id for each in await rig.receive("blue", 5)] == [2, 4, 6, 8, 10]


async def test_parameters_arrive_byte_for_byte(rig: BrokerRig) -> None:
    parameters = (
        '{"big":123456789012345678901234567890, "float": 1e-400,"text":"é\\u00e9\\n","deep":[{"a":[]}]}'.encode()
    )
    async with owner(rig) as (broker, _):
        await broker.ensure_pool(POOL)
        await (await broker.send([dispatch(2**63 - 1, parameters=parameters)]))
    assert await rig.receive(POOL, 1) == [dispatch(2**63 - 1, parameters=parameters)]


async def test_a_pool_that_nobody_made_is_an_error_and_harms_nothing_else(rig: BrokerRig) -> None:
    async with owner(rig) as (broker, _):
        await broker.ensure_pool(POOL)
        with pytest.raises(BrokerError, match="nowhere"):
            await (await broker.send([dispatch(1, "nowhere")]))
        await (await broker.send([dispatch(2)]))
        assert broker.connected
    assert (await rig.receive(POOL, 1))[0].execution_id == 2


async def test_ensuring_a_pool_again_keeps_what_waits_in_it(rig: BrokerRig) -> None:
    async with owner(rig) as (broker, _):
        await broker.ensure_pool(POOL)
        await (await broker.send([dispatch(1)]))
        await broker.ensure_pool(POOL)
    assert await rig.receive(POOL, 1) == [dispatch(1)]


async def test_reports_say_what_the_worker_said(rig: BrokerRig) -> None:
    completions = [
        finished(1),
        Finished(2, 1, ExecutionStatus.FAILED, b'{"error":"no"}', "worker-1", None, 12.0),
        Finished(3, 1, ExecutionStatus.SUCCEEDED, None, "worker-1", 10.0, 12.0),
    ]
    starts = [Started(4, 1, "worker-1", 10.5), Started(5, 3, "worker-1", 10.75)]
    async with owner(rig) as (_, heard):
        await rig.report(finished=completions)
        await heard.wait_for(1)
        await rig.report(started=starts)
        await heard.wait_for(2)
    assert [list(report.finished) for report in heard] == [completions, []]
    assert [list(report.started) for report in heard] == [[], starts]


async def test_a_heartbeat_comes_behind_the_completions_before_it(rig: BrokerRig) -> None:
    heartbeat = Heartbeat("worker-1", POOL, 10, draining=False, held=[(7, 1), (8, 2)])
    async with owner(rig) as (_, heard):
        await rig.report(finished=[finished(1)])
        await rig.report(heartbeat=heartbeat)
        await heard.wait_for(2)
    assert [report.heartbeat for report in heard] == [None, heartbeat]


async def test_workers_hear_roll_calls_and_what_to_stop_in_their_pool(rig: BrokerRig) -> None:
    async with owner(rig) as (broker, _):
        await broker.ensure_pool(POOL)
        await rig.listen(POOL)
        await broker.call_roll()
        assert await rig.roll_called()
        await broker.cancel([Cancel("elsewhere", 1, 1), Cancel(POOL, 2, 3), Cancel(POOL, 4, 1)])
        assert await rig.told_to_stop() == [(2, 3), (4, 1)]


async def test_telling_workers_where_there_are_none_is_no_error(rig: BrokerRig) -> None:
    async with owner(rig) as (broker, _):
        await broker.call_roll()
        await broker.cancel([Cancel(POOL, 1, 1)])
        assert broker.connected


async def test_a_dispatch_says_how_long_it_may_take_and_whether_it_may_be_repeated(rig: BrokerRig) -> None:
    sent = [dispatch(1)._replace(timeout_seconds=1.5), dispatch(2)._replace(at_most_once=True)]
    async with owner(rig) as (broker, _):
        await broker.ensure_pool(POOL)
        await (await broker.send(sent))
    assert await rig.receive(POOL, 2) == sent


async def test_marks_ascend_on_one_channel_in_the_order_of_reports(rig: BrokerRig) -> None:
    async with owner(rig) as (_, heard):
        for number in range(1, 201):
            await rig.report(finished=[finished(number)])
        await heard.wait_for(200)
    assert heard.ids() == list(range(1, 201))
    assert len({report.mark.channel for report in heard}) == 1
    tags = [report.mark.tag for report in heard]
    assert tags == sorted(set(tags))


async def test_the_next_owner_hears_what_was_not_acknowledged(rig: BrokerRig) -> None:
    async with owner(rig) as (broker, heard):
        for number in range(1, 7):
            await rig.report(finished=[finished(number)])
        await heard.wait_for(6)
        await broker.acknowledge(heard[1].mark)
        await broker.acknowledge(heard[3].mark)
    async with owner(rig) as (_, heard):
        await heard.wait_for(2)
        await rig.report(finished=[finished(7)])
        await heard.wait_for(3)
        assert heard.ids() == [5, 6, 7]


async def test_acknowledging_twice_or_backwards_does_nothing(rig: BrokerRig) -> None:
    async with owner(rig) as (broker, heard):
        for number in (1, 2, 3):
            await rig.report(finished=[finished(number)])
        await heard.wait_for(3)
        for report in (heard[1], heard[1], heard[0]):
            await broker.acknowledge(report.mark)
        await rig.report(finished=[finished(4)])
        await heard.wait_for(4)
        assert broker.connected
    async with owner(rig) as (_, heard):
        await heard.wait_for(2)
        assert heard.ids() == [3, 4]


async def test_a_cut_connection_comes_back_with_pools_and_reports(rig: BrokerRig) -> None:
    async with owner(rig) as (broker, heard):
        await broker.ensure_pool(POOL)
        await rig.report(finished=[finished(1)])
        await heard.wait_for(1)
        await rig.interrupt()
        await heard.wait_for(2)
        await publish_until_confirmed(broker, dispatch(1))
        await eventually(lambda: broker.connected)
        assert heard.ids() == [1, 1], "what was not acknowledged comes again"
        assert heard[0].mark.channel != heard[1].mark.channel
    assert await rig.receive(POOL, 1) == [dispatch(1)]


async def test_marks_of_an_earlier_connection_are_void(rig: BrokerRig) -> None:
    async with owner(rig) as (broker, heard):
        for number in (1, 2):
            await rig.report(finished=[finished(number)])
        await heard.wait_for(2)
        await rig.interrupt()
        await heard.wait_for(4)
        await broker.acknowledge(heard[1].mark)
        await broker.acknowledge(DeliveryMark(heard[2].mark.channel - 1, heard[3].mark.tag))
    async with owner(rig) as (_, heard):
        await heard.wait_for(2)
        assert heard.ids() == [1, 2]


async def test_its_queues_are_counted_and_its_connection_has_a_history(rig: BrokerRig) -> None:
    async with owner(rig) as (broker, _):
        await broker.ensure_pool(POOL)
        await (await broker.send([dispatch(1)]))
        reports, *_, pool = await broker.depths()
        assert (reports.messages, reports.consumers) == (0, 1)
        assert (pool.name.endswith(("default", "default.executions")), pool.messages, pool.consumers) == (True, 1, 0)
        assert (broker.condition.connected, broker.condition.refused, broker.condition.last_error) == (
            True,
            False,
            None,
        )
