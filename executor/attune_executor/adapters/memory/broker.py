"""A broker in memory: pools hold dispatches until a test's worker takes them, and reports until acknowledged."""

from collections import deque
from collections.abc import Callable, Sequence

from attune_executor.domain.records import Finished, Started
from attune_executor.ports.broker import BrokerError, DeliveryMark, Dispatch, WorkerReport


class MemoryBroker:
    """Delivers what is not acknowledged again after ``reconnect``, as a real broker does."""

    def __init__(self) -> None:
        self.pools: dict[str, deque[Dispatch]] = {}
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

    async def publish(self, dispatches: Sequence[Dispatch]) -> None:
        """Append to the pools' queues."""
        self._check_up()
        missing = {dispatch.pool for dispatch in dispatches} - self.pools.keys()
        if missing:
            raise BrokerError(f"no queue for the pools {sorted(missing)}")
        for dispatch in dispatches:
            self.pools[dispatch.pool].append(dispatch)

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
    def unacknowledged(self) -> int:
        """Reports delivered and not acknowledged."""
        return len(self._unacknowledged)

    async def stop(self) -> None:
        """Stop delivering."""
        self._on_report = None

    def report(self, started: Sequence[Started] = (), finished: Sequence[Finished] = ()) -> None:
        """Report as a worker."""
        self._deliver(WorkerReport(DeliveryMark(0, 0), started, finished))

    def reconnect(self) -> None:
        """Begin a new channel: earlier marks are void, unacknowledged reports come again."""
        self._channel += 1
        again, self._unacknowledged = self._unacknowledged, deque()
        for _, report in again:
            self._deliver(report)

    def _deliver(self, report: WorkerReport) -> None:
        self._tag += 1
        marked = WorkerReport(DeliveryMark(self._channel, self._tag), report.started, report.finished)
        self._unacknowledged.append((self._tag, marked))
        if self._on_report is not None:
            self._on_report(marked)

    def _check_up(self) -> None:
        if self.away:
            raise BrokerError("the broker is away")
