"""A row for another system: no-op tasks from the first enqueue until the last is done, on the same servers.

The clock is the same as for Attune's rows: workers are up and have run some tasks before it starts. How many tasks
follows from how fast those were, so that each system works about as long.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg

from bench.cpu import metered, microseconds_each
from bench.ground import Ground
from bench.peers.peer import PROGRAMS, Peer
from bench.results import Figure, Goal, Measurement
from bench.rows.row import Bench, by_part
from bench.system import TESTS
from testbed.attune.processes import HostProcess
from testbed.progress import Step
from testbed.reaper import kill_tree

_FIRST = 20
_WARM_UP = 500
_SECONDS = 300.0
_POLL_SECONDS = 0.1


class _Enqueued(NamedTuple):
    """Readings of the monotonic clock by the program that enqueued."""

    started: float
    enqueued: float


@dataclass(frozen=True)
class PeerRow:
    """One peer; `goal` is how many times as fast Attune should be."""

    peer: Peer
    goal: Goal | None = None

    @property
    def key(self) -> str:
        """The peer's."""
        return self.peer.key

    @property
    def title(self) -> str:
        """Whose set-up."""
        return f"{self.peer.system}: {self.peer.title}"

    def measure(self, ground: Ground, bench: Bench, step: Step) -> Measurement:
        """Tasks per second."""
        with _Stage.of(self.peer, ground) as stage:
            # The first tasks wait for the workers to start; the next ones show the speed.
            stage.enqueue(_FIRST)
            stage.until_done(_FIRST)
            warm = min(_WARM_UP, bench.size.peer_most)
            estimate = warm / (stage.until_done(_FIRST + warm, stage.enqueue(warm)) or 1)
            count = max(warm, min(bench.size.peer_most, int(estimate * bench.size.peer_seconds)))
            step.advance(0, count, "tasks")
            with metered(stage.roots()) as cpu:
                times = stage.enqueue(count)
                seconds = stage.until_done(_FIRST + warm + count, times)
        rate = count / seconds
        against = self.peer.against
        compared = bench.found[against].figure("rate") / rate if against in bench.found else None
        return Measurement(
            self.key,
            self.peer.system,
            self.peer.title,
            [
                Figure("rate", rate, "executions/s"),
                *(
                    [Figure(f"Attune, row ({against})", compared, "times as fast", self.goal)]
                    if compared is not None
                    else []
                ),
                Figure("accepted", count / (times.enqueued - times.started), "executions/s"),
                Figure("processors", microseconds_each(cpu, count), "µs each"),
                Figure("count", count, "executions"),
                Figure("seconds", seconds, "s"),
            ],
            self.peer.note,
            by_part(cpu),
        )


class _Stage:
    """A peer's workers, running."""

    def __init__(self, peer: Peer, ground: Ground, environment: Mapping[str, str], counter: Path) -> None:
        self._peer = peer
        self._ground = ground
        self._environment = environment
        self._counter = counter
        self._run("install")
        self._database = psycopg.connect(ground.database_url, autocommit=True)
        self.workers = [
            HostProcess(f"worker {number}", arguments, environment, ground.folder / f"worker-{number}.log")
            for number, arguments in enumerate(peer.workers)
        ]

    @classmethod
    @contextmanager
    def of(cls, peer: Peer, ground: Ground) -> Generator["_Stage"]:
        """The stage with everything up; its processes are ended afterwards, children included."""
        counter = ground.folder / "counter"
        counter.touch()
        environment = {
            "BENCH_DATABASE_URL": ground.database_url,
            "BENCH_AMQP_URL": ground.amqp_url,
            "BENCH_COUNTER": str(counter),
            "PYTHONPATH": str(TESTS),
            **peer.variables,
        }
        with ExitStack() as stack:
            stage = cls(peer, ground, environment, counter)
            stack.callback(stage._database.close)
            for worker in stage.workers:
                stack.callback(kill_tree, psutil.Process(worker.pid))
            yield stage

    def roots(self) -> Mapping[str, psutil.Process]:
        """The processes whose CPU time counts."""
        workers = {worker.name: psutil.Process(worker.pid) for worker in self.workers}
        return {**workers, **self._ground.processes}

    def enqueue(self, count: int) -> _Enqueued:
        """Hand over so many tasks while the workers are at it."""
        return _Enqueued(**json.loads(self._run("enqueue", str(count))))

    def until_done(self, total: int, enqueued: _Enqueued | None = None) -> float:
        """Wait until so many tasks are done; returns the seconds since the first one was enqueued, or since now.

        Raises:
            RuntimeError: a worker ended, or it takes too long.
        """
        began = enqueued.started if enqueued else time.monotonic()
        deadline = time.monotonic() + _SECONDS
        while self._done() < total:
            ended = [worker for worker in self.workers if not worker.running]
            if ended or time.monotonic() > deadline:
                logs = "\n".join(worker.log()[-2000:] for worker in ended or self.workers)
                raise RuntimeError(f"{self._peer.system}: {self._done()} of {total} done; its workers say:\n{logs}")
            time.sleep(_POLL_SECONDS)
        return time.monotonic() - began

    def _done(self) -> int:
        if self._peer.done_query is None:
            return self._counter.stat().st_size
        (done,) = self._database.execute(self._peer.done_query.encode()).fetchone() or (0,)
        return done

    def _run(self, *arguments: str) -> str:
        return subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", PROGRAMS, self._peer.program, *arguments],
            env={**os.environ, **self._environment},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=_SECONDS,
        ).stdout
