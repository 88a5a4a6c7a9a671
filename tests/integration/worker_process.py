"""Real worker processes for tests, and the executor's side of their broker."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from attune_executor.adapters.rabbitmq import RabbitMQBroker
from attune_executor.domain.records import Finished, Started
from attune_executor.ports.broker import Dispatch, WorkerReport

PROGRAM = Path(sys.executable).with_name("attune-worker")
DEADLINE_SECONDS = 30
POOL = "default"


async def until(reached: Callable[[], bool], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not reached():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s: {what}") from None


class WorkerProcess:
    """One `attune-worker`; its log is kept in a file of its own."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self._log = log

    @classmethod
    async def launch(
        cls, url: str, folder: Path, *options: str, environment: Mapping[str, str] | None = None
    ) -> "WorkerProcess":
        log = folder / f"worker-{secrets.token_hex(4)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                PROGRAM,
                *options,
                env={**os.environ, "ATTUNE__MESSAGE_QUEUE__URL": url, **(environment or {})},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return cls(process, log)

    @property
    def pid(self) -> int:
        return self.process.pid

    def output(self) -> str:
        return self._log.read_text()

    async def ready(self) -> None:
        await until(lambda: "worker ready" in self.output() or self.process.returncode is not None, "worker ready")
        assert self.process.returncode is None, self.output()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.process.wait()

    async def destroy(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


class Executor:
    """The executor's side: dispatches, and acknowledges every report as it comes."""

    def __init__(self, broker: RabbitMQBroker) -> None:
        self.broker = broker
        self.started = list[Started]()
        self.finished = list[Finished]()
        self._acknowledging: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self.broker.start(self._hear)
        await self.broker.ensure_pool(POOL)

    async def stop(self) -> None:
        await asyncio.gather(*self._acknowledging)
        await self.broker.stop()

    async def dispatch(self, *executions: tuple[int, str, bytes], attempt: int = 1) -> None:
        await self.broker.publish(
            [Dispatch(number, ref, attempt, POOL, parameters) for number, ref, parameters in executions]
        )

    def done(self, *ids: int) -> bool:
        return set(ids) <= {record.execution_id for record in self.finished}

    async def wait_for(self, *ids: int) -> None:
        await until(lambda: self.done(*ids), f"completions of {ids}; got {self.finished}")

    def result(self, execution_id: int) -> bytes:
        """The one result that was reported for an execution."""
        [record] = [record for record in self.finished if record.execution_id == execution_id]
        return record.result or b""

    def _hear(self, report: WorkerReport) -> None:
        self.started.extend(report.started)
        self.finished.extend(report.finished)
        task = asyncio.create_task(self.broker.acknowledge(report.mark))
        self._acknowledging.add(task)
        task.add_done_callback(self._acknowledging.discard)
