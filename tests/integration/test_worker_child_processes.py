"""Actions in processes of their own: what they return, how they are stopped, and what their deaths leave unharmed."""

import asyncio
import os
import select
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import orjson
import pytest

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.observability import LogSettings
from attune_executor.worker.outcome import Outcome
from attune_executor.worker.processes import ActionProcesses
from integration.worker_process import gone, install, until

MAX_RESULT_BYTES = 10_000
MODULE = """
import asyncio, ctypes, dataclasses, os, signal, subprocess, sys, time
from attune_executor.worker import ActionError, action

@dataclasses.dataclass
class Point:
    x: int
    y: int

@action("pack.point", run_in="process")
def point(x: int) -> Point:
    print("whatever an action prints")
    return Point(x, os.getpid())

@action("pack.on_a_loop", run_in="process")
async def on_a_loop() -> int:
    await asyncio.sleep(0)
    return os.getpid()

@action("pack.fail", run_in="process")
def fail() -> None:
    raise ActionError("no paper", tray=2)

@action("pack.stop_iteration", run_in="process")
def stop_iteration() -> None:
    raise StopIteration

@action("pack.large", run_in="process")
def large() -> str:
    return "x" * 100_000

@action("pack.credentials", run_in="process")
def credentials() -> str:
    return os.environ.get("ATTUNE__MESSAGE_QUEUE__URL", "none")

@action("pack.exit", run_in="process")
def exit_() -> None:
    os._exit(3)

@action("pack.segfault", run_in="process")
def segfault() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)

@action("pack.busy", run_in="process")
def busy(pids: str) -> None:
    other = subprocess.Popen(["sleep", "600"])
    with open(pids + ".new", "w") as file:
        file.write(f"{os.getpid()} {other.pid}")
    os.rename(pids + ".new", pids)
    while True:
        pass
"""

Run = Callable[..., Coroutine[Any, Any, Outcome]]


@pytest.fixture
async def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ActionProcesses]:
    (tmp_path / "packs").mkdir()
    monkeypatch.setenv("PYTHONPATH", install(tmp_path / "packs", "pack", MODULE))
    monkeypatch.setenv("ATTUNE__MESSAGE_QUEUE__URL", "amqp://user:secret@host/")
    processes = ActionProcesses(MAX_RESULT_BYTES, LogSettings())
    yield processes
    await processes.close()


@pytest.fixture
def run(processes: ActionProcesses) -> Run:
    async def run(name: str, **parameters: Any) -> Outcome:
        return await asyncio.wait_for(
            processes.run(1, f"pack.{name}", orjson.dumps(parameters), lambda: None), timeout=60
        )

    return run


def error_of(outcome: Outcome) -> str:
    assert outcome.status is ExecutionStatus.FAILED
    return orjson.loads(outcome.result)["error"]


async def test_results_and_errors_cross_as_json(run: Run) -> None:
    first = orjson.loads((await run("point", x=7)).result)
    assert first["x"] == 7
    assert orjson.loads((await run("on_a_loop")).result) == first["y"], "one process runs both"
    assert await run("fail") == Outcome(ExecutionStatus.FAILED, b'{"error":"no paper","tray":2}')
    assert error_of(await run("point")) == "invalid parameters for pack.point: x: Field required"
    assert "pack.stop_iteration raised StopIteration" in error_of(await run("stop_iteration"))
    assert f"{MAX_RESULT_BYTES} are the limit" in error_of(await run("large"))
    assert (await run("credentials")).result == b'"none"'
    assert orjson.loads((await run("point", x=8)).result)["y"] == first["y"], "and survives all this"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("exit", "pack.exit failed: its process ended with exit code 3"),
        ("segfault", "pack.segfault failed: its process was killed by SIGSEGV"),
    ],
)
async def test_a_process_that_dies_fails_its_execution_alone(run: Run, name: str, problem: str) -> None:
    others = [asyncio.create_task(run("point", x=number)) for number in range(2)]
    assert error_of(await run(name)) == problem
    assert {(await other).status for other in others} == {ExecutionStatus.SUCCEEDED}
    assert (await run("point", x=3)).status is ExecutionStatus.SUCCEEDED


async def test_a_cancelled_run_is_killed_with_all_that_it_started(run: Run, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    running = asyncio.create_task(run("busy", pids=str(pids)))
    await until(pids.exists, "it runs")
    numbers = [int(pid) for pid in pids.read_text().split()]
    assert not any(gone(pid) for pid in numbers)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert gone(numbers[0])
    await until(lambda: gone(numbers[1]), "what it started is gone too")
    assert (await run("point", x=1)).status is ExecutionStatus.SUCCEEDED


async def test_one_that_died_while_idle_is_not_used(run: Run) -> None:
    pid = orjson.loads((await run("point", x=1)).result)["y"]
    handle = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([handle], [], [])  # without a turn of the loop, which would tell the worker
    os.close(handle)
    assert orjson.loads((await run("point", x=1)).result)["y"] != pid


async def test_one_process_runs_one_after_another(run: Run) -> None:
    pids = {orjson.loads((await run("point", x=number)).result)["y"] for number in range(100)}
    assert len(pids) == 1, "an execution costs no process"
