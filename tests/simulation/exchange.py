"""A message broker: pools' queues with their workers, one queue of reports with its executors.

It keeps what was confirmed and redelivers what was not acknowledged. It does not keep what nobody listens to.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from attune_executor.domain.records import Finished, Started
from attune_executor.domain.workers import Heartbeat
from attune_executor.ports.broker import (
    BrokerCondition,
    BrokerError,
    Cancel,
    Confirmation,
    DeliveryMark,
    Dispatch,
    QueueDepth,
    WorkerReport,
)
from simulation.faults import Faults, Process
from simulation.judge import Judge

_NO_MARK = DeliveryMark(0, 0)


@dataclass(slots=True, eq=False)
class Message:
    """Dispatches on their way."""

    dispatches: Sequence[Dispatch]
    redelivered: bool = False


class Consumer(Protocol):
    """A worker's connection."""

    pool: str

    def wants(self) -> bool:
        """Whether it takes another message now."""
        ...

    def deliver(self, message: Message) -> None:
        """Here is one."""
        ...

    def cancelled(self, cancels: Sequence[Cancel]) -> None:
        """Stop these."""
        ...

    def roll_called(self) -> None:
        """Say what you hold."""
        ...

    def disconnected(self) -> None:
        """The connection is lost, and with it every delivery."""
        ...

    def reconnected(self) -> None:
        """The broker is back."""
        ...


class Exchange:
    """The broker itself."""

    def __init__(self, faults: Faults, judge: Judge) -> None:
        self.judge = judge
        self.faults = faults
        self.away = False
        self.pools: dict[str, deque[Message]] = {}
        self.reports: deque[WorkerReport] = deque()
        self.workers: list[Consumer] = []
        self.executors: list[Connection] = []

    def check_up(self) -> None:
        if self.away:
            raise BrokerError("the broker is away")

    def go_away(self) -> None:
        """Every connection is lost."""
        self.away = True
        for executor in self.executors:
            executor.lose_session()
        for worker in list(self.workers):
            worker.disconnected()

    def come_back(self) -> None:
        self.away = False
        for executor in self.executors:
            executor.reconnect()
        for worker in list(self.workers):
            worker.reconnected()
        self.pump()

    def report(
        self, started: Sequence[Started] = (), finished: Sequence[Finished] = (), heartbeat: Heartbeat | None = None
    ) -> None:
        """A worker's message is safe."""
        self.check_up()
        self.reports.append(WorkerReport(_NO_MARK, started, finished, heartbeat))
        self.pump()

    def pump(self) -> None:
        """Deliver what can be."""
        if self.away:
            return
        while self.reports:
            ready = [executor for executor in self.executors if executor.wants()]
            if not ready:
                break
            self.faults.random.choice(ready).deliver(self.reports.popleft())
        for pool, queue in self.pools.items():
            while queue:
                takers = [worker for worker in self.workers if worker.pool == pool and worker.wants()]
                if not takers:
                    break
                self.faults.random.choice(takers).deliver(queue.popleft())

    def give_back(self, pool: str, messages: Sequence[Message]) -> None:
        """A worker's connection ended: what it did not acknowledge is delivered again, in its order."""
        for message in messages:
            message.redelivered = True
        self.pools[pool].extendleft(reversed(messages))
        self.pump()

    def tell(self, pool: str | None, what: Callable[[Consumer], None]) -> None:
        """Reaches whoever listens at that time."""
        for worker in self.workers:
            if pool in {None, worker.pool}:
                asyncio.get_running_loop().call_later(self.faults.latency(), self._told, worker, what)

    def _told(self, worker: Consumer, what: Callable[[Consumer], None]) -> None:
        if not self.away and worker in self.workers:
            what(worker)


class Connection:
    """An executor's side: implements the port `Broker`."""

    def __init__(self, exchange: Exchange, process: Process, prefetch: int) -> None:
        self._exchange = exchange
        self._process = process
        self._prefetch = prefetch
        self._on_report: Callable[[WorkerReport], None] | None = None
        self._unacknowledged: deque[tuple[int, WorkerReport]] = deque()
        self._channel = 0
        self._tag = 0
        self._sending: asyncio.Task[None] | None = None

    async def start(self, on_report: Callable[[WorkerReport], None]) -> None:
        def effect() -> None:
            self._exchange.check_up()
            self._on_report = on_report
            self._channel += 1
            self._exchange.executors.append(self)
            self._exchange.pump()

        await self._process.call("connect", effect, BrokerError)

    async def ensure_pool(self, pool: str) -> None:
        def effect() -> None:
            self._exchange.check_up()
            self._exchange.pools.setdefault(pool, deque())

        await self._process.call("ensure pool", effect, BrokerError)

    async def send(self, dispatches: Sequence[Dispatch]) -> Confirmation:
        self._sending = asyncio.create_task(self._send(dispatches, self._sending))
        return self._sending

    async def _send(self, dispatches: Sequence[Dispatch], before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        random = self._exchange.faults.random
        size = random.randint(1, 4)
        messages = [
            Message([dispatch])
            if size == 1
            else Message([other for other in dispatches[at : at + size] if other.pool == dispatch.pool])
            for at, dispatch in enumerate(dispatches)
            if at % size == 0
        ]
        messages += [
            Message([other])
            for at, dispatch in enumerate(dispatches)
            if at % size == 0
            for other in dispatches[at : at + size]
            if other.pool != dispatch.pool
        ]
        # A batch goes message by message: what fails may have been done in part.
        for message in messages:
            await self._process.call("publish", lambda message=message: self._publish(message), BrokerError)

    def _publish(self, message: Message) -> None:
        self._exchange.check_up()
        for dispatch in message.dispatches:
            self._exchange.judge.published(dispatch)
        self._exchange.pools[message.dispatches[0].pool].append(message)
        self._exchange.pump()

    async def call_roll(self) -> None:
        def effect() -> None:
            self._exchange.check_up()
            self._exchange.tell(None, lambda worker: worker.roll_called())

        await self._process.call("call roll", effect, BrokerError)

    async def cancel(self, cancels: Sequence[Cancel]) -> None:
        def effect() -> None:
            self._exchange.check_up()
            for pool in sorted({cancel.pool for cancel in cancels}):
                ours = [cancel for cancel in cancels if cancel.pool == pool]
                self._exchange.tell(pool, lambda worker, ours=ours: worker.cancelled(ours))

        await self._process.call("cancel", effect, BrokerError)

    async def acknowledge(self, mark: DeliveryMark) -> None:
        def effect() -> None:
            self._exchange.check_up()
            if mark.channel == self._channel:
                self.forget_up_to(mark.tag)

        try:
            await self._process.call("acknowledge", effect, BrokerError)
        except BrokerError:
            # The port's promise: what could not be acknowledged is delivered again, on another channel.
            self.lose_session()
            self.reconnect()
            self._exchange.pump()
            raise

    def forget_up_to(self, tag: int) -> None:
        """The reports up to this one are acknowledged."""
        while self._unacknowledged and self._unacknowledged[0][0] <= tag:
            _, report = self._unacknowledged.popleft()
            self._exchange.judge.acknowledged(report.finished)
        self._exchange.pump()

    @property
    def connected(self) -> bool:
        return not self._exchange.away

    @property
    def condition(self) -> BrokerCondition:
        return BrokerCondition(self.connected, 0.0, refused=False, last_error=None)

    async def depths(self) -> Sequence[QueueDepth]:
        return ()

    async def stop(self) -> None:
        if self._process.alive:
            self.close()

    def close(self) -> None:
        """The broker sees the end of the connection."""
        if self in self._exchange.executors:
            self._exchange.executors.remove(self)
            self.lose_session()
            self._exchange.pump()

    def lose_session(self) -> None:
        self._exchange.reports.extendleft(report for _, report in reversed(self._unacknowledged))
        self._unacknowledged.clear()

    def reconnect(self) -> None:
        self._channel += 1

    def wants(self) -> bool:
        return self._on_report is not None and len(self._unacknowledged) < self._prefetch

    def deliver(self, report: WorkerReport) -> None:
        assert self._on_report is not None
        self._tag += 1
        mark = DeliveryMark(self._channel, self._tag)
        self._unacknowledged.append((self._tag, report))
        self._on_report(WorkerReport(mark, report.started, report.finished, report.heartbeat))
