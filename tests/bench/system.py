"""Attune under measurement: executor and workers as processes, and the two ways to look at them, HTTP and SQL."""

import os
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from bench.actions import RECORD_VARIABLE, install
from bench.ground import Ground
from bench.profile import Profiler
from testbed.attune.processes import AttuneProcesses, HostProcess

_READY_SECONDS = 300.0
_POLL_SECONDS = 0.02
_QUIET_POLL_SECONDS = 0.1
TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Workers:
    """How many worker processes, with how many slots each."""

    count: int
    slots: int


class System:
    """A running executor with its workers."""

    def __init__(self, ground: Ground, processes: AttuneProcesses, record: Path) -> None:
        self._ground = ground
        self._processes = processes
        self.record = record
        """Where timed actions note when they ran."""
        self.executor = processes.executor(_READY_SECONDS)
        self.workers: list[HostProcess] = []
        # Asked often, and a scan of the table would be at the cost of what is measured.
        self._database = psycopg.connect(ground.database_url, autocommit=True)
        self._database.execute("SET enable_seqscan = off")

    @property
    def url(self) -> str:
        """Where the API is."""
        return self._processes.url

    def roots(self) -> Mapping[str, psutil.Process]:
        """The processes whose CPU time counts."""
        return {
            "executor": psutil.Process(self.executor.pid),
            **{f"worker {number}": psutil.Process(worker.pid) for number, worker in enumerate(self.workers, 1)},
            **self._ground.processes,
        }

    def start_workers(self, workers: Workers) -> None:
        """Start them and wait until they take executions."""
        self.workers = [self._processes.worker(slots=workers.slots) for _ in range(workers.count)]
        for worker in self.workers:
            _until(lambda worker=worker: "worker ready" in worker.log() or not worker.running, "the worker is ready")
            if not worker.running:
                raise RuntimeError(f"{worker.name} ended:\n{worker.log()[-2000:]}")

    def restart_killed(self) -> float:
        """SIGKILL the executor and start it again; returns the seconds from its start until it is ready to serve."""
        self.executor.kill()
        started = time.monotonic()
        self.executor = self._processes.executor(_READY_SECONDS)
        return time.monotonic() - started

    def until_declared(self, count: int) -> None:
        """Wait until the executor knows so many queues."""

        def declared() -> bool:
            answer = httpx.get(f"{self.url}/api/v1/queues", timeout=60).raise_for_status()
            return len(answer.json()["data"]) >= count

        _until(declared, f"{count} queues are declared", poll_seconds=_QUIET_POLL_SECONDS)

    def until_done(self, total: int, seconds: float) -> float:
        """Wait until no execution is open in the database; returns the monotonic time when that was seen.

        Raises:
            AssertionError: then not all `total` have succeeded.
        """
        _until(lambda: not self._scalar("SELECT EXISTS (SELECT FROM attune.execution WHERE open)"), "all done", seconds)
        done = time.monotonic()
        succeeded = self._scalar("SELECT count(*) FROM attune.execution WHERE status = 'succeeded'")
        if succeeded != total:
            raise AssertionError(f"{succeeded} of {total} executions succeeded")
        return done

    def resident_bytes(self) -> int:
        """The executor's resident memory."""
        return psutil.Process(self.executor.pid).memory_info().rss

    def executor_seconds(self) -> float:
        """CPU seconds that the executor has used since it was started last."""
        times = psutil.Process(self.executor.pid).cpu_times()
        return times.user + times.system

    def close(self) -> None:
        """Close the connection to the database, so that it can be dropped."""
        self._database.close()

    def _scalar(self, query: str) -> Any:
        (value,) = self._database.execute(query.encode()).fetchone() or (None,)
        return value


@contextmanager
def running(
    ground: Ground,
    policies: Mapping[str, Mapping[str, Any]],
    workers: Workers | None,
    profiler: Profiler | None,
) -> Generator[System]:
    """Attune on this ground, ready to be loaded; without workers when there are none to be."""
    pack = ground.folder / "pack"
    pack.mkdir()
    install(pack)
    record = ground.folder / "runs"
    environment = {"PYTHONPATH": os.pathsep.join([str(pack), str(TESTS)]), RECORD_VARIABLE: str(record)}
    with ExitStack() as stack:
        processes = stack.enter_context(
            AttuneProcesses(ground.folder, ground.database_url, ground.amqp_url, policies, environment)
        )
        processes.migrate()
        system = System(ground, processes, record)
        stack.callback(system.close)
        system.until_declared(len(policies))
        if workers is not None:
            system.start_workers(workers)
        if profiler is not None:
            programs: Sequence[HostProcess] = (system.executor, *system.workers)
            stack.enter_context(profiler.attached({program.name: program.pid for program in programs}))
        yield system


def _until(reached: Any, what: str, seconds: float = _READY_SECONDS, poll_seconds: float = _POLL_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(poll_seconds)
