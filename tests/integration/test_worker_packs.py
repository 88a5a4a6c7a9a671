"""Packages of actions that others install beside the worker."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from attune_executor.adapters.rabbitmq import RabbitMQBroker
from attune_executor.domain.execution import ExecutionStatus
from integration.worker_process import POOL, Executor, WorkerProcess, gone, install, until
from testbed.services.rabbitmq import RabbitMQServer

MODULE = """
import os, time
from attune_executor.worker import ActionError, action

@action("weather.report")
def report(city: str, days: int = 1) -> dict[str, object]:
    if city == "Atlantis":
        raise ActionError("no such city: use a dry one", city=city)
    return {"city": city, "days": days}

@action("weather.wait")
def wait() -> None:
    time.sleep(600)

@action("weather.model", run_in="process", timeout_seconds=1)
def model(pid: str) -> None:
    with open(pid, "w") as file:
        file.write(f"{os.getpid()}\\n")
    while True:
        pass

@action("weather.long_model", run_in="process")
def long_model(pid: str) -> None:
    model(pid)
"""


@pytest.fixture
async def executor(amqp_url: str) -> AsyncIterator[Executor]:
    executor = Executor(RabbitMQBroker(amqp_url))
    await executor.start()
    yield executor
    await executor.stop()


@pytest.fixture
async def worker(amqp_url: str, tmp_path: Path) -> AsyncIterator[WorkerProcess]:
    environment = {"PYTHONPATH": install(tmp_path, "weather", MODULE)}
    worker = await WorkerProcess.launch(
        amqp_url, tmp_path, "--pool", POOL, "--drain-seconds", "0.2", environment=environment
    )
    await worker.ready()
    yield worker
    await worker.destroy()


async def test_actions_of_an_installed_package_run(executor: Executor, worker: WorkerProcess) -> None:
    await executor.dispatch(
        (1, "weather.report", b'{"city": "Bern"}'),
        (2, "weather.report", b'{"city": "Atlantis"}'),
        (3, "weather.report", b"{}"),
    )
    await executor.wait_for(1, 2, 3)
    assert executor.result(1) == b'{"city":"Bern","days":1}'
    assert executor.result(2) == b'{"error":"no such city: use a dry one","city":"Atlantis"}'
    assert executor.result(3) == b'{"error":"invalid parameters for weather.report: city: Field required"}'
    assert worker.process.returncode is None


async def test_a_thread_that_does_not_end_does_not_keep_the_worker(executor: Executor, worker: WorkerProcess) -> None:
    await executor.dispatch((1, "weather.wait", b"{}"))
    await until(lambda: bool(executor.started), "it runs")
    worker.send(signal.SIGTERM)
    await until(lambda: worker.process.returncode is not None, "the worker exits")
    assert worker.process.returncode == 0
    assert "leaving actions behind that do not end" in worker.output()


def pid_in(file: Path) -> int | None:
    return int(file.read_text()) if file.exists() and file.read_text().endswith("\n") else None


@pytest.mark.usefixtures("worker")
async def test_a_process_that_takes_too_long_is_killed(executor: Executor, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    await executor.dispatch((1, "weather.model", orjson.dumps({"pid": str(file)})))
    await executor.wait_for(1)
    assert executor.result(1) == b'{"error":"timed out after 1 s and was stopped"}'
    assert executor.finished[0].status is ExecutionStatus.TIMEOUT
    pid = pid_in(file)
    assert pid is None or gone(pid), "None where it took the second to begin"


async def test_processes_end_with_a_worker_that_is_killed(
    executor: Executor, worker: WorkerProcess, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    await executor.dispatch((1, "weather.long_model", orjson.dumps({"pid": str(file)})))
    await until(lambda: pid_in(file) is not None, "it runs")
    worker.send(signal.SIGKILL)
    await worker.ended()
    await until(lambda: gone(pid_in(file) or 0), "its process is gone")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import nowhere", "action package 'broken' (broken_pack) cannot be imported: ModuleNotFoundError"),
        (
            "from attune_executor.worker import action\n@action('core.echo')\ndef mine() -> None: ...",
            "action 'core.echo' is defined twice, in broken_pack and attune_executor.worker.core.basic",
        ),
        (
            "from attune_executor.worker import action\n@action('a')\ndef mine(untyped): ...",
            "mine: parameter 'untyped' needs a type annotation",
        ),
    ],
    ids=["import", "twice", "signature"],
)
async def test_a_broken_package_is_named_with_exit_code_2(
    rabbitmq_server: RabbitMQServer, tmp_path: Path, source: str, problem: str
) -> None:
    worker = await WorkerProcess.launch(
        rabbitmq_server.url,
        tmp_path,
        "--pool",
        POOL,
        environment={"PYTHONPATH": install(tmp_path, "broken", source)},
    )
    assert await worker.ended() == 2
    assert problem in worker.output()
    assert worker.output().count("\n") == 1
