"""An executor and workers as processes of this machine, against any PostgreSQL and RabbitMQ; made to be killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from testbed.services.ports import free_port

_READY_SECONDS = 120.0
_STOP_SECONDS = 120.0


class ProcessError(RuntimeError):
    """A program of ours did not come up, or failed; the message carries its log."""


class HostProcess:
    """One program of ours, its output in a file."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).with_name(arguments[0])), *arguments[1:]],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def log(self) -> str:
        """What it printed."""
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Kill it unless it has ended, paused or not."""
        if self.running:
            self.resume()
            self.kill()

    def pause(self) -> None:
        """SIGSTOP."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self._process.terminate()
        return self._process.wait(timeout=_STOP_SECONDS)


class AttuneProcesses:
    """Starts executors and workers with one configuration; as a context manager ends them all.

    Args:
        environment: variables for all of them, beside this process's own and the URLs.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str,
        amqp_url: str,
        policies: Mapping[str, Mapping[str, Any]],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._environment = {
            "ATTUNE__DATABASE__URL": database_url,
            "ATTUNE__MESSAGE_QUEUE__URL": amqp_url,
            **(environment or {}),
        }
        self._port = free_port()
        self._config = folder / "config.yaml"
        self._config.write_text(yaml.safe_dump({"policies": {"actions": dict(policies)}}))
        self._processes: list[HostProcess] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End them all."""
        for process in self._processes:
            process.end()

    @property
    def url(self) -> str:
        """Where the executor's API is."""
        return f"http://127.0.0.1:{self._port}"

    def migrate(self) -> None:
        """Bring the database's schema up.

        Raises:
            ProcessError: it could not be.
        """
        process = self._start("migrate", ["attune-executor", "migrate"])
        deadline = time.monotonic() + _READY_SECONDS
        while process.running and time.monotonic() < deadline:
            time.sleep(0.05)
        if process.stop() != 0:
            raise ProcessError(f"the database could not be migrated:\n{process.log()}")

    def executor(
        self,
        ready_seconds: float = _READY_SECONDS,
        *,
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> HostProcess:
        """Start an executor and wait until it serves, for at most so long, at ``url`` unless it gets another port.

        ``environment`` adds variables for this one alone.

        Raises:
            ProcessError: it does not.
        """
        port = port or self._port
        arguments = ["attune-executor", "run", "--config", str(self._config)]
        process = self._start("executor", arguments, {"ATTUNE__API__PORT": str(port), **(environment or {})})
        deadline = time.monotonic() + ready_seconds
        while not _serving(port):
            if not process.running or time.monotonic() > deadline:
                raise ProcessError(
                    f"the executor ended, or does not serve after {ready_seconds:.0f} s:\n{process.log()}"
                )
            time.sleep(0.05)
        return process

    def worker(self, pool: str = "default", slots: int = 10) -> HostProcess:
        """Start a worker; it takes executions when it is ready."""
        number = len(self._processes)
        arguments = ["attune-worker", "--pool", pool, "--slots", str(slots), "--health-port", str(free_port())]
        return self._start(f"worker-{number}", arguments)

    def _start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> HostProcess:
        log = self._folder / f"{name}-{len(self._processes)}.log"
        process = HostProcess(name, arguments, {**self._environment, **(environment or {})}, log)
        self._processes.append(process)
        return process


def _serving(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).is_success
    except httpx.TransportError:
        return False
