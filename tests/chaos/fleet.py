"""Executor and workers as processes, each started again when it ends, as a service manager would."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
import yaml

from chaos.history import Disturbed, Part, Recorder, Woke, WorkerEnded
from testbed.attune.processes import HostProcess
from testbed.reaper import Reaper
from testbed.services.ports import free_port

POOL: Final = "default"
_RESTART_SECONDS: Final = 2.0
"""After an end by itself, as in the systemd units; what was killed is started again at once, for more to go wrong."""
_POLL_SECONDS: Final = 0.03
_MIGRATION_SECONDS: Final = 180.0
_STAND_DOWN_SECONDS: Final = 45.0


@dataclass(slots=True)
class Watched:
    """A process and how to start it again."""

    part: Part
    arguments: Sequence[str]
    process: HostProcess
    restart_at: float | None = None


class Fleet:
    """The processes of a run. Use from one loop.

    Args:
        folder: for configurations and logs.
        urls: of database and broker, as environment variables.
        worker_variables: for the workers alone.
    """

    def __init__(
        self,
        folder: Path,
        urls: Mapping[str, str],
        worker_variables: Mapping[str, str],
        policies: Mapping[str, Mapping[str, Any]],
        recorder: Recorder,
    ) -> None:
        self._folder = folder
        self._urls = urls
        self._worker_variables = worker_variables
        self._recorder = recorder
        self._reaper = Reaper()
        self._started = 0
        self._seats = [(folder / f"executor-{number}.yaml", free_port()) for number in range(2)]
        """Each with a port of its own: a paused executor keeps its port."""
        self.configure(policies)
        self._seat_taken = 0
        self._watched: list[Watched] = []
        self._paused = asyncio.Lock()

    def close(self) -> None:
        """Kill what still runs."""
        self._reaper.close()

    @property
    def executor_urls(self) -> list[str]:
        """Where the executor is, or the one that takes its place while it is paused."""
        return [f"http://127.0.0.1:{port}" for _, port in self._seats]

    @property
    def executor_url(self) -> str:
        """Where the executor is that should own the queues now."""
        return self.executor_urls[self._seat_taken]

    def configure(self, policies: Mapping[str, Mapping[str, Any]]) -> None:
        """Write what every executor reads when it starts, and after `reload`."""
        for configuration, port in self._seats:
            actions = {ref: dict(policy) for ref, policy in policies.items()}
            draft = configuration.with_suffix(".draft")
            draft.write_text(yaml.safe_dump({"api": {"port": port}, "policies": {"actions": actions}}))
            draft.replace(configuration)

    def reload(self) -> None:
        """SIGHUP the executor; call while it serves, for one that starts only now would die of it."""
        for executor in self.running(Part.EXECUTOR):
            if executor.process.running:
                os.kill(executor.process.pid, signal.SIGHUP)

    async def migrate(self) -> None:
        """Bring the database's schema up."""
        process = self._start("migrate", ["attune-executor", "migrate"], {})
        deadline = time.monotonic() + _MIGRATION_SECONDS
        while process.running:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no migration within {_MIGRATION_SECONDS} s: {process.log()}")
            await asyncio.sleep(_POLL_SECONDS)
        if code := process.stop():
            raise RuntimeError(f"the migration ended with {code}: {process.log()}")

    def start(self, workers: int, slots: int) -> None:
        """Start an executor and workers."""
        self._watch(Part.EXECUTOR, self._executor_arguments())
        for _ in range(workers):
            self._watch(Part.WORKER, ["attune-worker", "--pool", POOL, "--slots", str(slots)])

    async def supervise(self) -> None:
        """Start again whatever ends, until cancelled."""
        while True:
            for watched in self._watched:
                if watched.restart_at is not None:
                    if time.monotonic() >= watched.restart_at:
                        watched.process = self._start(watched.part, watched.arguments, self._variables(watched.part))
                        watched.restart_at = None
                elif not watched.process.running:
                    self._ended_by_itself(watched)
            await asyncio.sleep(_POLL_SECONDS)

    def running(self, part: Part) -> list[Watched]:
        """Its processes that run."""
        return [each for each in self._watched if each.part is part and each.restart_at is None]

    def kill(self, victim: Watched) -> None:
        """SIGKILL a process; it is started again at once."""
        at = time.time()
        victim.process.kill()
        self._recorder.record(Disturbed(victim.part, "kill", victim.process.pid, at))
        self._note_end(victim, at)
        victim.restart_at = time.monotonic()

    async def replace_paused_executor(self, asleep_seconds: float) -> bool:
        """SIGSTOP the executor, have another one take over, and wake the first `asleep_seconds` after that.

        False where there is none to pause, or one is paused already.
        """
        running = self.running(Part.EXECUTOR)
        if not running or self._paused.locked():
            return False
        async with self._paused:
            sleeper = running[0]
            pid = sleeper.process.pid
            self._recorder.record(Disturbed(Part.EXECUTOR, "pause", pid, time.time()))
            sleeper.process.pause()
            self._watched.remove(sleeper)
            self._seat_taken = 1 - self._seat_taken
            self._watch(Part.EXECUTOR, self._executor_arguments())
            await self.serving()
            await asyncio.sleep(asleep_seconds)
            woken_at = time.time()
            sleeper.process.resume()
            self._recorder.record(Disturbed(Part.EXECUTOR, "resume", pid, woken_at))
            deadline = time.monotonic() + _STAND_DOWN_SECONDS
            while sleeper.process.running and time.monotonic() < deadline:
                await asyncio.sleep(_POLL_SECONDS)
            stayed = sleeper.process.running
            sleeper.process.end()
            self._recorder.record(Woke(pid, woken_at, None if stayed else sleeper.process.stop()))
        return True

    async def serving(self) -> None:
        """Return once the executor that should own the queues serves."""
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            while True:
                try:
                    if (await http.get(f"{self.executor_url}/readyz")).is_success:
                        return
                except httpx.TransportError:
                    pass  # it is about to start, or to be started again
                await asyncio.sleep(_POLL_SECONDS)

    def log(self) -> str:
        """What the executor printed since it was last started."""
        return next(each.process.log() for each in self._watched if each.part is Part.EXECUTOR)

    def stop(self) -> None:
        """Have everything stop in order, the workers first; what runs is finished and recorded."""
        for watched in sorted(self._watched, key=lambda each: each.part is Part.EXECUTOR):
            if watched.process.running:
                watched.process.stop()
                self._note_end(watched, time.time())

    def _ended_by_itself(self, watched: Watched) -> None:
        at = time.time()
        blow = f"exit {watched.process.stop()}"
        self._recorder.record(Disturbed(watched.part, blow, watched.process.pid, at))
        self._note_end(watched, at)
        watched.restart_at = time.monotonic() + _RESTART_SECONDS

    def _note_end(self, watched: Watched, at: float) -> None:
        if watched.part is Part.WORKER:
            # A run that began after `at` ended before now.
            for moment in (at, time.time()):
                self._recorder.record(WorkerEnded(watched.process.pid, moment))

    def _watch(self, part: Part, arguments: Sequence[str]) -> None:
        self._watched.append(Watched(part, arguments, self._start(part, arguments, self._variables(part))))

    def _start(self, name: str, arguments: Sequence[str], variables: Mapping[str, str]) -> HostProcess:
        self._started += 1
        log = self._folder / f"{self._started:04}-{name}.log"
        process = HostProcess(name, arguments, {**self._urls, **variables}, log)
        self._reaper.remove_process(psutil.Process(process.pid))
        return process

    def _variables(self, part: Part) -> Mapping[str, str]:
        return self._worker_variables if part is Part.WORKER else {}

    def _executor_arguments(self) -> Sequence[str]:
        configuration, _ = self._seats[self._seat_taken]
        return ["attune-executor", "run", "--config", str(configuration)]
