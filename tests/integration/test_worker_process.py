"""Workers as real processes, killed, drained and cut off from a real RabbitMQ."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aio_pika
import httpx
import orjson
import pytest

from attune_executor.adapters.rabbitmq import RabbitMQBroker
from attune_executor.amqp.topology import (
    COMPLETED_QUEUE,
    DEAD_LETTER_QUEUE,
    EXECUTIONS_EXCHANGE,
    QueueType,
    pool_queue_name,
)
from attune_executor.domain.execution import ExecutionStatus
from integration.worker_process import POOL, Executor, WorkerProcess, gone, held_until, until
from testbed.services.ports import free_port
from testbed.services.rabbitmq import RabbitMQServer

Launch = Callable[..., Awaitable[WorkerProcess]]
DEADLINE_SECONDS = 60


@pytest.fixture
async def launch(amqp_url: str, tmp_path: Path) -> AsyncIterator[Launch]:
    launched: list[WorkerProcess] = []
    folder = tmp_path / "logs"
    folder.mkdir()

    async def launch(*options: str, **environment: str) -> WorkerProcess:
        worker = await WorkerProcess.launch(amqp_url, folder, "--pool", POOL, *options, environment=environment)
        launched.append(worker)
        await worker.ready()
        return worker

    yield launch
    for worker in launched:
        await worker.destroy()


@pytest.fixture
async def executor(amqp_url: str) -> AsyncIterator[Executor]:
    executor = Executor(RabbitMQBroker(amqp_url))
    await executor.start()
    yield executor
    await executor.stop()


def shell(command: str) -> bytes:
    return orjson.dumps({"command": command})


async def depth(url: str, queue: str) -> int:
    """Messages that wait in a queue and are with no consumer."""
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        declared = await channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0


async def until_depth(url: str, queue: str, count: int) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await depth(url, queue) != count:
            await asyncio.sleep(0.05)


async def test_executions_run_and_are_reported(executor: Executor, launch: Launch) -> None:
    await executor.dispatch(
        (1, "core.echo", b'{"a":"b"}'), (2, "core.nothing", b"{}"), (3, "core.sleep", b'{"seconds":-1}')
    )
    await launch()
    await executor.wait_for(1, 2, 3)
    assert executor.result(1) == b'{"a":"b"}'
    assert b"install the package" in executor.result(2)
    assert b"seconds: Input should be greater than or equal to 0" in executor.result(3)
    assert {record.execution_id: record.status for record in executor.finished} == {
        1: ExecutionStatus.SUCCEEDED,
        2: ExecutionStatus.FAILED,
        3: ExecutionStatus.FAILED,
    }
    for record in executor.finished:
        assert record.attempt == 1
        assert record.worker
        assert record.started_at is not None
        assert record.started_at <= record.finished_at <= time.time()


async def test_only_what_lasts_is_reported_as_started(executor: Executor, launch: Launch, tmp_path: Path) -> None:
    await launch()
    await executor.dispatch((1, "core.echo", b"{}"), (2, "core.shell", shell(held_until(tmp_path / "go"))))
    await until(lambda: bool(executor.started), "a started report")
    assert not executor.done(2)
    (tmp_path / "go").touch()
    await executor.wait_for(1, 2)
    assert [(record.execution_id, record.attempt) for record in executor.started] == [(2, 1)]
    assert executor.started[0].started_at == executor.finished[-1].started_at


async def test_slots_bound_what_runs_and_what_is_held(
    executor: Executor, launch: Launch, amqp_url: str, tmp_path: Path
) -> None:
    await launch("--slots", "2")
    held = shell(held_until(tmp_path / "go"))
    await executor.dispatch(*[(number, "core.shell", held) for number in range(1, 6)])
    await until(lambda: len(executor.started) == 2, "two started")
    assert await depth(amqp_url, pool_queue_name(POOL)) == 3, "the others stay with the broker, for any worker"
    (tmp_path / "go").touch()
    await executor.wait_for(1, 2, 3, 4, 5)
    begin_and_end = sorted(
        (at, change)
        for record in executor.finished
        for at, change in ((record.started_at or 0, 1), (record.finished_at, -1))
    )
    at_once = [sum(change for _, change in begin_and_end[: n + 1]) for n in range(len(begin_and_end))]
    assert max(at_once) == 2


async def test_what_a_killed_worker_ran_runs_elsewhere(executor: Executor, launch: Launch, tmp_path: Path) -> None:
    victim = await launch("--slots", "2")
    trace = tmp_path / "trace"
    command = f"echo $PPID >> {trace}; {held_until(tmp_path / 'go')}"
    await executor.dispatch(*[(number, "core.shell", shell(command)) for number in (1, 2)])
    await until(lambda: trace.exists() and len(trace.read_text().split()) == 2, "both started")
    victim.send(signal.SIGKILL)
    await victim.ended()
    assert not executor.finished
    (tmp_path / "go").touch()
    heir = await launch()
    await executor.wait_for(1, 2)
    assert trace.read_text().split() == [str(victim.pid)] * 2 + [str(heir.pid)] * 2
    assert len(executor.finished) == 2


async def test_sigterm_finishes_what_runs_and_hands_back_the_rest(
    amqp_url: str, launch: Launch, tmp_path: Path
) -> None:
    executor = Executor(RabbitMQBroker(amqp_url), together=2)
    await executor.start()
    leaving = await launch("--slots", "1")
    trace = tmp_path / "trace"
    # Slots are also messages held: the second message of a second worker's share is never with the first.
    held = held_until(tmp_path / "go")
    await executor.dispatch(
        *[(number, "core.shell", shell(f"echo {number} $PPID >> {trace}; {held}")) for number in range(1, 5)]
    )
    await until(trace.exists, "the first started")
    leaving.send(signal.SIGTERM)
    await until(lambda: "draining" in leaving.output(), "draining")
    (tmp_path / "go").touch()
    assert await leaving.ended() == 0
    assert [record.execution_id for record in executor.finished] == [1, 2], "a message is finished as a whole"
    staying = await launch("--slots", "1")
    await executor.wait_for(3, 4)
    lines = [tuple(line.split()) for line in trace.read_text().splitlines()]
    assert lines == [
        (str(number), str(pid)) for number, pid in enumerate([leaving.pid] * 2 + [staying.pid] * 2, start=1)
    ]
    await executor.stop()


async def test_sigterm_hands_back_messages_of_which_nothing_started(
    amqp_url: str, launch: Launch, tmp_path: Path
) -> None:
    executor = Executor(RabbitMQBroker(amqp_url), together=3)
    await executor.start()
    leaving = await launch("--slots", "2")
    trace = tmp_path / "trace"
    command = f"echo $PPID >> {trace}; {held_until(tmp_path / 'go')}"
    await executor.dispatch(*[(number, "core.shell", shell(command)) for number in range(1, 7)])
    await until(lambda: trace.exists() and len(trace.read_text().split()) == 2, "two of the first message started")
    await until_depth(amqp_url, pool_queue_name(POOL), 0)  # the worker holds both messages
    leaving.send(signal.SIGTERM)
    await until_depth(amqp_url, pool_queue_name(POOL), 1)
    (tmp_path / "go").touch()
    assert await leaving.ended() == 0
    assert sorted(record.execution_id for record in executor.finished) == [1, 2, 3]
    staying = await launch("--slots", "2")
    await executor.wait_for(4, 5, 6)
    assert trace.read_text().split() == [str(leaving.pid)] * 3 + [str(staying.pid)] * 3
    await executor.stop()


@pytest.mark.parametrize("patience", ["drain-seconds", "second signal"])
async def test_a_drain_cut_short_returns_what_runs(
    executor: Executor, launch: Launch, tmp_path: Path, amqp_url: str, patience: str
) -> None:
    options = ("--drain-seconds", "0.3") if patience == "drain-seconds" else ()
    worker = await launch(*options)
    trace = tmp_path / "trace"
    await executor.dispatch((1, "core.shell", shell(f"echo $$ > {trace}; exec sleep 600")))
    await until(lambda: trace.exists() and trace.read_text() != "", "it runs")
    worker.send(signal.SIGTERM)
    if patience == "second signal":
        await until(lambda: "draining" in worker.output(), "draining")
        worker.send(signal.SIGTERM)
    assert await worker.ended() == 0
    assert gone(int(trace.read_text())), "the program was left running"
    await until_depth(amqp_url, pool_queue_name(POOL), 1)
    assert not executor.finished


async def test_a_lost_broker_interrupts_nothing_and_nothing_runs_twice(
    executor: Executor, launch: Launch, tmp_path: Path, rabbitmq_server: RabbitMQServer, amqp_url: str
) -> None:
    worker = await launch()
    trace = tmp_path / "trace"
    short, long = (
        f"echo short >> {trace}; sleep 1",
        f"echo long >> {trace}; {held_until(tmp_path / 'go')}",
    )
    await executor.dispatch((1, "core.shell", shell(short)), (2, "core.shell", shell(long)))
    await until(lambda: trace.exists() and len(trace.read_text().split()) == 2, "both run")
    rabbitmq_server.kill()
    await asyncio.sleep(1.5)  # the short one ends while the broker is away
    rabbitmq_server.start()
    await executor.wait_for(1)
    (tmp_path / "go").touch()
    await executor.wait_for(2)
    await until_depth(amqp_url, pool_queue_name(POOL), 0)
    assert sorted(trace.read_text().split()) == ["long", "short"]
    worker.send(signal.SIGTERM)
    assert await worker.ended() == 0
    assert await depth(amqp_url, pool_queue_name(POOL)) == 0, "all is acknowledged"


async def test_a_broker_that_comes_back_gives_nothing_that_runs_to_others(
    executor: Executor, launch: Launch, tmp_path: Path, rabbitmq_server: RabbitMQServer, amqp_url: str
) -> None:
    await launch("--slots", "4")
    trace = tmp_path / "trace"
    command = f"echo $PPID >> {trace}; {held_until(tmp_path / 'go')}"
    await executor.dispatch(*[(number, "core.shell", shell(command)) for number in range(1, 5)])
    await until(lambda: trace.exists() and len(trace.read_text().split()) == 4, "all run")
    idle = [await launch("--slots", "4") for _ in range(2)]
    rabbitmq_server.kill()
    rabbitmq_server.start()
    await until(lambda: all("connected to the broker again" in worker.output() for worker in idle), "they are back")
    await until_depth(amqp_url, pool_queue_name(POOL), 0)
    (tmp_path / "go").touch()
    await executor.wait_for(1, 2, 3, 4)
    assert len(trace.read_text().split()) == 4, "each ran once"
    assert len(executor.finished) == 4


async def test_a_broker_that_hangs_is_left_and_found_again(
    amqp_url: str, tmp_path: Path, rabbitmq_server: RabbitMQServer
) -> None:
    url = f"{amqp_url}?heartbeat=1"  # the connection counts as dead after 6 s of silence
    executor = Executor(RabbitMQBroker(url))
    await executor.start()
    worker = await WorkerProcess.launch(url, tmp_path, "--pool", POOL)
    await worker.ready()
    await executor.dispatch((1, "core.sleep", b'{"seconds":1}'))
    await until(lambda: bool(executor.started), "it runs")
    rabbitmq_server.pause()
    try:
        await until(lambda: "connection to the broker lost" in worker.output(), "the worker notices")
        await until(lambda: not executor.broker.connected, "the executor notices")
    finally:
        rabbitmq_server.resume()
    await executor.wait_for(1)
    await until_depth(amqp_url, pool_queue_name(POOL), 0)
    await until(lambda: executor.broker.connected, "the executor is back")
    await executor.dispatch((2, "core.echo", b"{}"))
    await executor.wait_for(2)
    worker.send(signal.SIGTERM)
    assert await worker.ended() == 0
    assert await depth(amqp_url, pool_queue_name(POOL)) == 0, "all is acknowledged"
    await executor.stop()


async def test_a_malformed_dispatch_is_put_aside_and_the_next_one_runs(
    executor: Executor, launch: Launch, amqp_url: str
) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(EXECUTIONS_EXCHANGE, ensure=False)
        await exchange.publish(aio_pika.Message(b"nonsense"), pool_queue_name(POOL))
        await executor.dispatch((1, "core.echo", b"{}"))
        await launch("--slots", "1")
        await executor.wait_for(1)
        dead_letters = await channel.get_queue(DEAD_LETTER_QUEUE)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (letter := await dead_letters.get(fail=False)) is None:
                await asyncio.sleep(0.05)
        assert letter.body == b"nonsense"
        assert "envelope: JSON is malformed" in str(letter.headers["x-attune-reason"])
        assert letter.headers["x-attune-queue"] == pool_queue_name(POOL)
        await letter.ack()


async def test_a_dispatch_published_again_runs_once(
    executor: Executor, launch: Launch, tmp_path: Path, amqp_url: str
) -> None:
    trace = tmp_path / "trace"
    run = (1, "core.shell", shell(f"echo run >> {trace}; sleep 0.5"))
    await executor.dispatch(run)
    await executor.dispatch(run)
    worker = await launch()
    await executor.wait_for(1)
    await executor.dispatch(run)
    await executor.dispatch((2, "core.echo", b"{}"))
    await executor.wait_for(2)
    worker.send(signal.SIGTERM)
    assert await worker.ended() == 0
    assert await depth(amqp_url, pool_queue_name(POOL)) == 0, "all is acknowledged"
    assert trace.read_text().split() == ["run"]
    assert len({record for record in executor.finished if record.execution_id == 1}) == 1


async def test_probes_tell_what_the_worker_does(
    executor: Executor, launch: Launch, rabbitmq_server: RabbitMQServer, tmp_path: Path
) -> None:
    port = free_port()
    worker = await launch("--health-port", str(port))
    base_url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=DEADLINE_SECONDS) as client:
        assert (await client.get("/livez")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.text) == (200, "consuming worker.default.executions: 0 of 10 running\n")
        rabbitmq_server.kill()
        await until_status(client, "/readyz", 503)
        assert (await client.get("/livez")).status_code == 200
        rabbitmq_server.start()
        await until_status(client, "/readyz", 200)
        await until(lambda: executor.broker.connected, "the executor is back too")
        await executor.dispatch((1, "core.shell", shell(held_until(tmp_path / "go"))))
        await until(lambda: bool(executor.started), "it runs")
        worker.send(signal.SIGTERM)
        await until_status(client, "/readyz", 503)
        assert (await client.get("/readyz")).text == "draining: 1 running\n"
    (tmp_path / "go").touch()
    assert await worker.ended() == 0
    assert executor.done(1)


async def until_status(client: httpx.AsyncClient, path: str, status: int) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while (await client.get(path)).status_code != status:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("queue_type", QueueType)
@pytest.mark.parametrize("per_message", [1, 16])
async def test_a_thousand_executions(
    amqp_url: str, launch: Launch, queue_type: QueueType, per_message: int, capsys: pytest.CaptureFixture[str]
) -> None:
    executor = Executor(RabbitMQBroker(amqp_url, queue_type=queue_type), together=per_message)
    await executor.start()
    await launch(ATTUNE__MESSAGE_QUEUE__QUEUE_TYPE=queue_type.value)
    before = time.perf_counter()
    await executor.dispatch(*[(number, "core.echo", b'{"n":1}') for number in range(1, 1001)])
    await executor.wait_for(*range(1, 1001))
    seconds = time.perf_counter() - before
    with capsys.disabled():
        print(  # noqa: T201 - a measurement for whoever looks, not a claim
            f" {queue_type} queues, {per_message} to a message: {1000 / seconds:,.0f} executions/s ", end=""
        )
    assert len(executor.finished) == 1000
    await executor.stop()
    assert await depth(amqp_url, COMPLETED_QUEUE) == 0
