"""Where commands gather while a turn commits. Everything that changes a queue comes through here."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any

from attune_executor.domain.backlog import Backlog
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.execution import Ending
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.purge import PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.engine.batch import Batch, EmergencyChange, EndRequest, PolicyChange, PurgeRequest, Submission
from attune_executor.engine.views import UnavailableError
from attune_executor.ports.broker import WorkerReport
from attune_executor.ports.journal import OperatorChanges, StoredExecution


class Inbox:
    """Collects commands for the next turn; single loop, no locks.

    Args:
        max_requests: requests that may wait for a turn; beyond it callers are told to come back, so that memory
            stays bounded while the database is slow.
        max_bytes: the same for the size of their parameters.
    """

    def __init__(self, max_requests: int, max_bytes: int) -> None:
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._bytes = 0
        self._batch = Batch()
        self._taken = Batch()
        self._requests = 0
        self._wake = asyncio.Event()
        self._closed: Exception | None = None

    async def submit(self, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
        """Queue requests for the next turn and wait until it is committed.

        Raises:
            UnavailableError: too many requests wait already, or the turn failed.
        """
        if self._closed is not None:
            raise self._closed
        size = sum(len(request.parameters) for request in requests)
        if self._requests + len(requests) > self._max_requests or self._bytes + size > self._max_bytes:
            raise UnavailableError(f"{self._requests} requests of {self._bytes} bytes wait for the database already")
        answer: asyncio.Future[Sequence[Receipt | Refusal]] = asyncio.get_running_loop().create_future()
        self._batch.submissions.append(Submission(requests, answer))
        self._requests += len(requests)
        self._bytes += size
        self._wake.set()
        return await answer

    async def change_policy(self, ref: str, policy: QueuePolicy | None) -> None:
        """Queue a policy change and wait until it is in force."""
        done: asyncio.Future[None] = self._future()
        self._batch.policies.append(PolicyChange(ref, policy, done))
        await done

    async def change_emergency(self, emergency: Emergency | None) -> None:
        """Queue a change of emergency mode and wait until it is in force."""
        done: asyncio.Future[None] = self._future()
        self._batch.emergencies.append(EmergencyChange(emergency, done))
        await done

    async def end(self, execution: StoredExecution, ending: Ending | None) -> Intervention:
        """Queue a cancel, or an end as ``ending`` says, and wait until what came of it is durable."""
        answer: asyncio.Future[Intervention] = self._future()
        self._batch.ends.append(EndRequest(execution, ending, answer))
        return await answer

    async def purge(self, order: PurgeOrder) -> PurgeReport | PurgeRefused:
        """Queue a purge and wait until what came of it is durable; the turns go on meanwhile."""
        answer: asyncio.Future[PurgeReport | PurgeRefused] = self._future()
        self._batch.purges.append(PurgeRequest(order, answer))
        return await answer

    def go_on(self, purges: Sequence[PurgeRequest]) -> None:
        """Queue what is left of purges before those that came meanwhile."""
        if purges:
            self._batch.purges[:0] = purges
            self._wake.set()

    def operator_changed(self, changes: OperatorChanges) -> None:
        """Queue what an operator did by SQL."""
        self._batch.operator_changes.append(changes)
        self._wake.set()

    def report(self, report: WorkerReport) -> None:
        """Queue a worker's report."""
        if self._batch.reported_at is None:
            self._batch.reported_at = monotonic()
        self._batch.reports.append(report)
        self._wake.set()

    def settled(self) -> None:
        """The turn of what was last taken is committed."""
        self._taken = Batch()

    def put_back(self) -> None:
        """Return the reports of a turn that failed to the front: they are harmless to apply twice."""
        failed, self._taken = self._taken, Batch()
        if failed.reports:
            self._batch.reports[:0] = failed.reports
            self._batch.reported_at = failed.reported_at
        self._wake.set()

    def backlog(self) -> Backlog:
        """The reports that are here and not committed, those of the turn under way included."""
        batches = (self._taken, self._batch)
        since = min((each.reported_at for each in batches if each.reported_at is not None), default=None)
        oldest = None if since is None else monotonic() - since
        return Backlog(sum(len(each.reports) for each in batches), oldest)

    def _future(self) -> asyncio.Future[Any]:
        if self._closed is not None:
            raise self._closed
        self._wake.set()
        return asyncio.get_running_loop().create_future()

    def wake(self) -> None:
        """Make the next turn come now."""
        self._wake.set()

    async def wait(self, timeout_seconds: float) -> None:
        """Return when there is something to do, or after ``timeout_seconds``."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    def take(self) -> Batch:
        """Everything collected so far."""
        self._taken, self._batch, self._requests, self._bytes = self._batch, Batch(), 0, 0
        self._wake.clear()
        return self._taken

    def close(self, error: Exception) -> None:
        """Refuse what waits and everything that comes later with ``error``."""
        self._closed = error
        self.take().refuse_callers(error)
