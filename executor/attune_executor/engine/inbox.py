"""Where commands gather while a turn commits. Everything that changes a queue comes through here."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.submission import Cancellation, ExecutionRequest, Receipt, Refusal
from attune_executor.engine.views import UnavailableError
from attune_executor.ports.broker import WorkerReport
from attune_executor.ports.journal import OperatorChanges, StoredExecution

_Answer = TypeVar("_Answer")


@dataclass(slots=True)
class Submission:
    """Requests of one caller, answered together once their turn is committed."""

    requests: Sequence[ExecutionRequest]
    answer: asyncio.Future[Sequence[Receipt | Refusal]]

    def answer_with(self, outcomes: Sequence[Receipt | Refusal]) -> None:
        """Answer the caller, if it still listens."""
        if not self.answer.done():
            self.answer.set_result(outcomes)


@dataclass(slots=True)
class PolicyChange:
    """A policy to declare for ``ref``, or to remove where ``policy`` is None."""

    ref: str
    policy: QueuePolicy | None
    done: asyncio.Future[None]

    def in_force(self) -> None:
        """Tell the caller, if it still listens."""
        if not self.done.done():
            self.done.set_result(None)


@dataclass(slots=True)
class EmergencyChange:
    """Emergency mode to begin or change, or to end where ``emergency`` is None."""

    emergency: Emergency | None
    done: asyncio.Future[None]

    def in_force(self) -> None:
        """Tell the caller, if it still listens."""
        if not self.done.done():
            self.done.set_result(None)


@dataclass(slots=True)
class CancelRequest:
    """An open execution that a caller wants cancelled."""

    execution: StoredExecution
    answer: asyncio.Future[Cancellation]

    def answer_with(self, outcome: Cancellation) -> None:
        """Answer the caller, if it still listens."""
        if not self.answer.done():
            self.answer.set_result(outcome)


@dataclass(slots=True)
class Batch:
    """The commands of one turn, in the order in which they are applied."""

    policies: list[PolicyChange] = field(default_factory=list[PolicyChange])
    emergencies: list[EmergencyChange] = field(default_factory=list[EmergencyChange])
    operator_changes: list[OperatorChanges] = field(default_factory=list[OperatorChanges])
    cancels: list[CancelRequest] = field(default_factory=list[CancelRequest])
    reports: list[WorkerReport] = field(default_factory=list[WorkerReport])
    submissions: list[Submission] = field(default_factory=list[Submission])

    @property
    def request_count(self) -> int:
        """Requests of all submissions."""
        return sum(len(submission.requests) for submission in self.submissions)

    def declared(self) -> dict[str, QueuePolicy | None]:
        """What the policy changes come to, by action: of several for one, the last."""
        return {change.ref: change.policy for change in self.policies}

    def idempotency_keys(self) -> list[str]:
        """The keys that the requests name."""
        return [
            request.idempotency_key
            for submission in self.submissions
            for request in submission.requests
            if request.idempotency_key is not None
        ]

    def answer_callers(
        self, outcomes: Sequence[Sequence[Receipt | Refusal]], cancellations: Sequence[Cancellation]
    ) -> None:
        """Answer everyone who waits on this batch: it is committed.

        Args:
            outcomes: per submission, per request.
            cancellations: per cancel.
        """
        for submission, outcome in zip(self.submissions, outcomes, strict=True):
            submission.answer_with(outcome)
        for request, cancellation in zip(self.cancels, cancellations, strict=True):
            request.answer_with(cancellation)
        for change in (*self.policies, *self.emergencies):
            change.in_force()

    def refuse_callers(self, error: Exception) -> None:
        """Answer everyone who waits on this batch with ``error``."""
        waiting: list[asyncio.Future[Any]] = [submission.answer for submission in self.submissions]
        waiting += [change.done for change in (*self.policies, *self.emergencies)]
        waiting += [request.answer for request in self.cancels]
        for future in waiting:
            if not future.done():
                future.set_exception(error)


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
        done = self._future(type(None))
        self._batch.policies.append(PolicyChange(ref, policy, done))
        await done

    async def change_emergency(self, emergency: Emergency | None) -> None:
        """Queue a change of emergency mode and wait until it is in force."""
        done = self._future(type(None))
        self._batch.emergencies.append(EmergencyChange(emergency, done))
        await done

    async def cancel(self, execution: StoredExecution) -> Cancellation:
        """Queue a cancel and wait until what came of it is durable."""
        answer = self._future(Cancellation)
        self._batch.cancels.append(CancelRequest(execution, answer))
        return await answer

    def operator_changed(self, changes: OperatorChanges) -> None:
        """Queue what an operator did by SQL."""
        self._batch.operator_changes.append(changes)
        self._wake.set()

    def report(self, report: WorkerReport) -> None:
        """Queue a worker's report."""
        self._batch.reports.append(report)
        self._wake.set()

    def put_back(self, reports: Sequence[WorkerReport]) -> None:
        """Return the reports of a turn that failed to the front: they are harmless to apply twice."""
        self._batch.reports[:0] = reports
        self._wake.set()

    def _future(self, kind: type[_Answer]) -> asyncio.Future[_Answer]:
        del kind
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
        batch, self._batch, self._requests, self._bytes = self._batch, Batch(), 0, 0
        self._wake.clear()
        return batch

    def close(self, error: Exception) -> None:
        """Refuse what waits and everything that comes later with ``error``."""
        self._closed = error
        self.take().refuse_callers(error)
