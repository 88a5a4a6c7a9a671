"""Real worker processes for tests, and the executor's side of their broker."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import aio_pika
import psutil
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from attune_executor.adapters.rabbitmq import RabbitMQBroker
from attune_executor.adapters.rabbitmq.company import WORK_SECONDS
from attune_executor.amqp.topology import (
    EXECUTIONS_EXCHANGE,
    ROLL_CALL_KEY,
    QueueType,
    completed_queue_name,
    control_key,
    declare,
    declare_pool,
    declare_reports,
    pool_queue_name,
    status_queue_name,
)
from attune_executor.domain.records import Finished, Started
from attune_executor.domain.workers import Heartbeat
from attune_executor.ports.broker import Cancel, Dispatch, WorkerReport
from attune_executor.wire.control import encode_cancels, encode_roll_call
from attune_executor.wire.dispatches import encode_dispatches
from attune_executor.wire.envelope import WireMessage
from attune_executor.wire.reports import Reports, decode_reports

PROGRAM = Path(sys.executable).with_name("attune-worker")
DEADLINE_SECONDS = 60
POOL = "default"


async def until(reached: Callable[[], bool], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not reached():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s: {what}") from None


def gone(pid: int) -> bool:
    """Whether a process has ended; what nobody has reaped yet has ended too."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def held_until(file: Path) -> str:
    """Shell that waits for a file: what has to last until something was seen lasts exactly so long."""
    return f"until [ -e {file} ]; do sleep 0.05; done"


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


class ShardOwner:
    """The owner of one shard: everything that workers tell it, in the order of each queue."""

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel, shard: int) -> None:
        self._connection = connection
        self._channel = channel
        self._shard = shard
        self.heard = list[Reports]()
        self.started = list[Started]()

    @classmethod
    async def connect(cls, url: str, shard: int) -> "ShardOwner":
        connection = await aio_pika.connect(url)
        channel = await connection.channel()
        owner = cls(connection, channel, shard)
        await declare(channel, QueueType.CLASSIC)
        await declare_reports(channel, shard, QueueType.CLASSIC)
        await declare_pool(channel, POOL, QueueType.CLASSIC)
        await (await channel.get_queue(completed_queue_name(shard))).consume(owner._hear, no_ack=True)
        await (await channel.get_queue(status_queue_name(shard))).consume(owner._hear_status, no_ack=True)
        return owner

    async def close(self) -> None:
        await self._connection.close()

    @property
    def finished(self) -> dict[int, Finished]:
        """The last that was reported of each execution."""
        return {record.execution_id: record for reports in self.heard for record in reports.finished}

    @property
    def heartbeats(self) -> list[Heartbeat]:
        return [reports.heartbeat for reports in self.heard if reports.heartbeat is not None]

    async def dispatch(self, *dispatches: Dispatch) -> None:
        """All in one message."""
        await self._publish(pool_queue_name(POOL), encode_dispatches(dispatches, self._shard))

    async def cancel(self, *executions: tuple[int, int]) -> None:
        await self._publish(control_key(POOL), encode_cancels([Cancel(POOL, *key) for key in executions]))

    async def heartbeat(self) -> Heartbeat:
        """What the only worker answers to a roll call."""
        before = len(self.heartbeats)
        await self._publish(ROLL_CALL_KEY, encode_roll_call(self._shard))
        await until(lambda: len(self.heartbeats) > before, "an answer to the roll call")
        return self.heartbeats[-1]

    async def wait_for(self, *ids: int) -> None:
        await until(lambda: set(ids) <= set(self.finished), f"completions of {ids}; heard {self.heard}")

    async def until_started(self, *ids: int) -> None:
        await until(
            lambda: set(ids) <= {record.execution_id for record in self.started}, f"{ids} started: {self.started}"
        )

    async def _publish(self, routing_key: str, message: WireMessage) -> None:
        exchange = await self._channel.get_exchange(EXECUTIONS_EXCHANGE, ensure=False)
        await exchange.publish(aio_pika.Message(message.body), routing_key)

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        self.heard.append(decode_reports(message.body))

    async def _hear_status(self, message: AbstractIncomingMessage) -> None:
        self.started.extend(decode_reports(message.body).started)


class Executor:
    """The executor's side: dispatches, and acknowledges every report as it comes."""

    def __init__(self, broker: RabbitMQBroker, together: int = 1) -> None:
        # As long as so many of them share a message.
        self._expected_seconds = 0.99 * WORK_SECONDS / together
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
        await (
            await self.broker.send(
                [
                    Dispatch(number, ref, attempt, POOL, parameters, expected_seconds=self._expected_seconds)
                    for number, ref, parameters in executions
                ]
            )
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


def install(folder: Path, name: str, source: str) -> str:
    """Make a package importable and known by its entry point, as an installer does; return what PYTHONPATH needs."""
    (folder / f"{name}_pack.py").write_text(source)
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[attune.actions]\n{name} = {name}_pack\n")
    return str(folder)
