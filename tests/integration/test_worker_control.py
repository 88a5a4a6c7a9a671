"""Workers as real processes that are asked what they hold and told what to stop, through a real RabbitMQ."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import orjson
import pytest

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.ports.broker import Dispatch
from integration.worker_process import DEADLINE_SECONDS, POOL, ShardOwner, WorkerProcess, gone, held_until, until

SHARD = 3
Launch = Callable[..., Awaitable[WorkerProcess]]


@pytest.fixture
async def owner(amqp_url: str) -> AsyncIterator[ShardOwner]:
    owner = await ShardOwner.connect(amqp_url, SHARD)
    yield owner
    await owner.close()


@pytest.fixture
async def launch(amqp_url: str, tmp_path: Path) -> AsyncIterator[Launch]:
    launched: list[WorkerProcess] = []
    folder = tmp_path / "logs"
    folder.mkdir()

    async def launch(*options: str) -> WorkerProcess:
        worker = await WorkerProcess.launch(amqp_url, folder, "--pool", POOL, *options)
        launched.append(worker)
        await worker.ready()
        return worker

    yield launch
    for worker in launched:
        await worker.destroy()


def sleep(number: int, seconds: float = 600, attempt: int = 1, timeout: float | None = None) -> Dispatch:
    return Dispatch(number, "core.sleep", attempt, POOL, orjson.dumps({"seconds": seconds}), timeout)


def shell(number: int, command: str, *, at_most_once: bool = False) -> Dispatch:
    return Dispatch(number, "core.shell", 1, POOL, orjson.dumps({"command": command}), None, at_most_once)


async def test_a_worker_announces_itself_and_what_it_holds(owner: ShardOwner, launch: Launch) -> None:
    worker = await launch("--name", "worker-a", "--slots", "2")
    await until(lambda: bool(owner.heartbeats), "an announcement")
    assert owner.heartbeats[0] == ("worker-a", POOL, 2, False, [])
    await owner.dispatch(sleep(1), sleep(2), sleep(3), sleep(4, 0))
    await owner.until_started(1, 2)
    beat = await owner.heartbeat()
    assert (beat.worker, beat.slots) == ("worker-a", 2)
    assert set(beat.held) == {(number, 1) for number in (1, 2, 3, 4)}
    await owner.cancel((1, 1), (2, 1), (3, 1))
    await owner.wait_for(1, 2, 3, 4)
    await until_held(owner)  # until it knows that its reports are safe
    worker.send(signal.SIGTERM)
    assert await worker.ended() == 0
    await until(lambda: owner.heartbeats[-1].draining, "it says that it drains")


async def test_what_a_heartbeat_leaves_out_has_been_reported_before_it(owner: ShardOwner, launch: Launch) -> None:
    await launch("--slots", "20")
    asking = asyncio.create_task(ask(owner))
    for batch in range(60):
        await owner.dispatch(*[sleep(number, 0.001) for number in range(batch * 50 + 1, batch * 50 + 51)])
    await owner.wait_for(*range(1, 3001))
    await asking
    reported, given = set[tuple[int, int]](), set[tuple[int, int]]()
    for reports in owner.heard:
        reported |= {(record.execution_id, record.attempt) for record in reports.finished}
        if reports.heartbeat is not None:
            held = {(execution_id, attempt) for execution_id, attempt in reports.heartbeat.held}
            assert given <= held | reported, "neither held nor reported"
            given |= held
    assert given, "no roll was called while something ran"


async def ask(owner: ShardOwner) -> None:
    while len(owner.finished) < 3000:
        await owner.heartbeat()
        await asyncio.sleep(0.005)


async def test_cancelled_executions_stop_and_later_attempts_run(
    owner: ShardOwner, launch: Launch, tmp_path: Path
) -> None:
    await launch("--slots", "1")
    pid = tmp_path / "pid"
    await owner.dispatch(shell(1, f"echo $$ > {pid}; sleep 600"), sleep(2), sleep(3, 0))
    await until(lambda: pid.exists() and pid.read_text() != "", "it runs")
    await owner.cancel((2, 5), (4, 1), (1, 1))
    await owner.wait_for(1, 2, 3)
    for cancelled in (1, 2):
        record = owner.finished[cancelled]
        assert (record.status, record.result) == (ExecutionStatus.CANCELLED, b'{"error":"cancelled"}')
    assert owner.finished[1].started_at is not None
    assert owner.finished[2].started_at is None
    assert owner.finished[3].status is ExecutionStatus.SUCCEEDED
    assert gone(int(pid.read_text())), "the program was left running"
    await owner.dispatch(sleep(4, 0), sleep(2, 0, attempt=6))
    await until(lambda: 4 in owner.finished and owner.finished[2].attempt == 6, "the cancel came before its dispatch")
    assert owner.finished[4].status is ExecutionStatus.CANCELLED
    assert owner.finished[2].status is ExecutionStatus.SUCCEEDED


async def test_a_later_attempt_replaces_an_earlier_one(owner: ShardOwner, launch: Launch) -> None:
    worker = await launch("--slots", "2")
    await owner.dispatch(sleep(1))
    await owner.until_started(1)
    await owner.dispatch(sleep(1, 0, attempt=2))
    await owner.wait_for(1)
    reported = [record for reports in owner.heard for record in reports.finished]
    assert [(record.attempt, record.status) for record in reported] == [(2, ExecutionStatus.SUCCEEDED)]
    worker.send(signal.SIGTERM)
    assert await worker.ended() == 0


async def test_what_takes_too_long_is_stopped(owner: ShardOwner, launch: Launch) -> None:
    await launch("--slots", "1")
    await owner.dispatch(sleep(1, 600, timeout=0.3), sleep(2, 0, timeout=60))
    await owner.wait_for(1, 2)
    overdue = owner.finished[1]
    assert (overdue.status, overdue.result) == (
        ExecutionStatus.TIMEOUT,
        b'{"error":"timed out after 0.3 s and was stopped"}',
    )
    assert overdue.finished_at - (overdue.started_at or 0) >= 0.29  # timers count whole milliseconds
    assert owner.finished[2].status is ExecutionStatus.SUCCEEDED


async def test_what_may_run_once_does_not_run_again(owner: ShardOwner, launch: Launch, tmp_path: Path) -> None:
    victim = await launch()
    trace = tmp_path / "trace"
    await owner.dispatch(shell(1, f"echo run >> {trace}; sleep 600", at_most_once=True))
    await until(trace.exists, "it runs")
    victim.send(signal.SIGKILL)
    await victim.ended()
    await launch()
    await owner.wait_for(1)
    assert owner.finished[1].status is ExecutionStatus.FAILED
    assert b"worker lost" in (owner.finished[1].result or b"")
    assert trace.read_text() == "run\n"


async def test_what_may_run_once_survives_a_drain_before_it_began(
    owner: ShardOwner, launch: Launch, tmp_path: Path
) -> None:
    leaving = await launch("--slots", "2")
    trace = tmp_path / "trace"
    held = held_until(tmp_path / "go")
    await owner.dispatch(*[shell(number, f"echo >> {trace}; {held}") for number in (1, 2)])
    await until(lambda: trace.exists() and len(trace.read_text()) == 2, "all slots are taken")
    await owner.dispatch(shell(3, "true", at_most_once=True))
    await until_held(owner, 1, 2, 3)
    leaving.send(signal.SIGTERM)
    await until(lambda: "draining" in leaving.output(), "draining")
    (tmp_path / "go").touch()
    assert await leaving.ended() == 0
    await launch()
    await owner.wait_for(1, 2, 3)
    assert owner.finished[3].status is ExecutionStatus.SUCCEEDED


async def until_held(owner: ShardOwner, *numbers: int) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while set((await owner.heartbeat()).held) != {(number, 1) for number in numbers}:
            await asyncio.sleep(0.01)


async def test_a_name_is_one_worker_s(owner: ShardOwner, launch: Launch, amqp_url: str, tmp_path: Path) -> None:
    await launch("--name", "twin")
    await until(lambda: bool(owner.heartbeats), "it announces itself")
    second = await WorkerProcess.launch(
        amqp_url,
        tmp_path,
        *("--pool", POOL, "--name", "twin"),
        environment={"ATTUNE__WORKER__CONNECT_SECONDS": "0"},
    )
    assert await second.ended() == 69
    assert "a worker named 'twin' is connected to pool 'default' already" in second.output()
    assert {beat.worker for beat in owner.heartbeats} == {"twin"}


async def test_workers_of_one_host_have_different_names(owner: ShardOwner, launch: Launch) -> None:
    workers = [await launch(), await launch()]
    names = {f"{os.uname().nodename}-{worker.pid}" for worker in workers}
    await until(lambda: {beat.worker for beat in owner.heartbeats} == names, "both announce themselves")
