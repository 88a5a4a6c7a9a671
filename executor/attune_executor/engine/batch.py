"""The commands of one turn, and who waits for what becomes of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.execution import Ending
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.purge import Purge, PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.ports.broker import WorkerReport
from attune_executor.ports.journal import OperatorChanges, StoredExecution


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
class EndRequest:
    """An open execution that a caller wants cancelled, or where ``ending`` is given, ended as it says."""

    execution: StoredExecution
    ending: Ending | None
    answer: asyncio.Future[Intervention]

    def answer_with(self, outcome: Intervention) -> None:
        """Answer the caller, if it still listens."""
        if not self.answer.done():
            self.answer.set_result(outcome)


@dataclass(slots=True)
class PurgeRequest:
    """A queue to be purged; ``purge`` is how far that is, None before the first turn that takes it up."""

    order: PurgeOrder
    answer: asyncio.Future[PurgeReport | PurgeRefused]
    purge: Purge | None = None

    def answer_with(self, outcome: PurgeReport | PurgeRefused) -> None:
        """Answer the caller, if it still listens."""
        if not self.answer.done():
            self.answer.set_result(outcome)


@dataclass(slots=True)
class Batch:
    """The commands of one turn, in the order in which they are applied."""

    policies: list[PolicyChange] = field(default_factory=list[PolicyChange])
    emergencies: list[EmergencyChange] = field(default_factory=list[EmergencyChange])
    operator_changes: list[OperatorChanges] = field(default_factory=list[OperatorChanges])
    reports: list[WorkerReport] = field(default_factory=list[WorkerReport])
    ends: list[EndRequest] = field(default_factory=list[EndRequest])
    purges: list[PurgeRequest] = field(default_factory=list[PurgeRequest])
    submissions: list[Submission] = field(default_factory=list[Submission])
    reported_at: float | None = None
    """When the first of the reports came, of the monotonic clock; None: there is none."""

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
        self,
        outcomes: Sequence[Sequence[Receipt | Refusal]],
        interventions: Sequence[Intervention],
        purges: Sequence[PurgeReport | PurgeRefused | None],
    ) -> Sequence[PurgeRequest]:
        """Answer everyone who waits on this batch: it is committed.

        Args:
            outcomes: per submission, per request.
            interventions: per request to end an execution.
            purges: per purge; None where it goes on.

        Returns:
            The purges that go on, in the next turn.
        """
        for submission, outcome in zip(self.submissions, outcomes, strict=True):
            submission.answer_with(outcome)
        for request, intervention in zip(self.ends, interventions, strict=True):
            request.answer_with(intervention)
        for change in (*self.policies, *self.emergencies):
            change.in_force()
        going_on: list[PurgeRequest] = []
        for purge, report in zip(self.purges, purges, strict=True):
            if report is None:
                going_on.append(purge)
            else:
                purge.answer_with(report)
        return going_on

    def refuse_callers(self, error: Exception) -> None:
        """Answer everyone who waits on this batch with ``error``."""
        waiting: list[asyncio.Future[Any]] = [submission.answer for submission in self.submissions]
        waiting += [change.done for change in (*self.policies, *self.emergencies)]
        waiting += [request.answer for request in (*self.ends, *self.purges)]
        for future in waiting:
            if not future.done():
                future.set_exception(error)
