"""A broker in memory: pools hold dispatches until a test's worker takes them, and reports until acknowledged."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace

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


class MemoryBroker:
    """Delivers what is not acknowledged again after ``reconnect``, as a real broker does."""

    def __init__(self) -> None:
        self.pools: dict[str, deque[Dispatch]] = {}
        self.workers: dict[str, Heartbeat] = {}
        """Those that answer roll calls, by name, with what they answer."""
        self.roll_calls = 0
        self.cancelled: list[Cancel] = []
        """What workers were told to stop."""
        self.away = False
        """While True, publishing and acknowledging fail as if the broker were down."""
        self._on_report: Callable[[WorkerReport], None] | None = None
        self._unacknowledged: deque[tuple[int, WorkerReport]] = deque()
        self._channel = 0
        self._tag = 0

    async def start(self, on_report: Callable[[WorkerReport], None]) -> None:
        """Begin to deliver reports."""
        self._check_up()
        self._on_report = on_report
        self.reconnect()

    async def ensure_pool(self, pool: str) -> None:
        """Make the pool exist."""
        self._check_up()
        self.pools.setdefault(pool, deque())

    async def send(self, dispatches: Sequence[Dispatch]) -> Confirmation:
        """Append to the pools' queues."""
        self._check_up()
        confirmation: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        missing = {dispatch.pool for dispatch in dispatches} - self.pools.keys()
        if missing:
            confirmation.set_exception(BrokerError(f"no queue for the pools {sorted(missing)}"))
        else:
            for dispatch in dispatches:
                self.pools[dispatch.pool].append(dispatch)
            confirmation.set_result(None)
        return confirmation

    async def call_roll(self) -> None:
        """Let every worker answer."""
        self._check_up()
        self.roll_calls += 1
        for heartbeat in list(self.workers.values()):
            self.report(heartbeat=heartbeat)

    async def cancel(self, cancels: Sequence[Cancel]) -> None:
        """Note what is to be stopped."""
        self._check_up()
        self.cancelled.extend(cancels)

    async def acknowledge(self, mark: DeliveryMark) -> None:
        """Forget the reports up to the mark."""
        self._check_up()
        if mark.channel == self._channel:
            while self._unacknowledged and self._unacknowledged[0][0] <= mark.tag:
                self._unacknowledged.popleft()

    @property
    def connected(self) -> bool:
        """Whether it is not away."""
        return not self.away

    @property
    def condition(self) -> BrokerCondition:
        """As ``away`` says, since ever."""
        return BrokerCondition(self.connected, 0.0, refused=False, last_error="away" if self.away else None)

    async def depths(self) -> Sequence[QueueDepth]:
        """Reports are delivered as they come; pools have the workers that announced themselves for consumers."""
        self._check_up()
        consumers = Counter(heartbeat.pool for heartbeat in self.workers.values())
        reports = QueueDepth("execution.completed", 0, int(self._on_report is not None))
        return [reports, *(QueueDepth(pool, len(waits), consumers[pool]) for pool, waits in self.pools.items())]

    @property
    def unacknowledged(self) -> int:
        """Reports delivered and not acknowledged."""
        return len(self._unacknowledged)

    async def stop(self) -> None:
        """Stop delivering."""
        self._on_report = None

    def add_worker(
        self,
        name: str = "worker",
        pool: str = "default",
        slots: int = 1000,
        held: Sequence[tuple[int, int]] = (),
    ) -> None:
        """A worker announces itself, and answers roll calls so from then on."""
        self.workers[name] = Heartbeat(name, pool, slots, draining=False, held=held)
        self.report(heartbeat=self.workers[name])

    def report(
        self, started: Sequence[Started] = (), finished: Sequence[Finished] = (), heartbeat: Heartbeat | None = None
    ) -> None:
        """Report as a worker."""
        self._deliver(WorkerReport(DeliveryMark(0, 0), started, finished, heartbeat))

    def reconnect(self) -> None:
        """Begin a new channel: earlier marks are void, unacknowledged reports come again."""
        self._channel += 1
        again, self._unacknowledged = self._unacknowledged, deque()
        for _, report in again:
            self._deliver(report)

    def _deliver(self, report: WorkerReport) -> None:
        self._tag += 1
        marked = replace(report, mark=DeliveryMark(self._channel, self._tag))
        self._unacknowledged.append((self._tag, marked))
        if self._on_report is not None:
            self._on_report(marked)

    def _check_up(self) -> None:
        if self.away:
            raise BrokerError("the broker is away")
