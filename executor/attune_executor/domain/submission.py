"""A request to run an action, and what it is answered."""

from enum import StrEnum
from typing import NamedTuple

from attune_executor.domain.execution import ExecutionStatus


class ExecutionRequest(NamedTuple):
    """Run ``action_ref`` with ``parameters``, a JSON object in UTF-8. One idempotency key, one execution."""

    action_ref: str
    parameters: bytes
    idempotency_key: str | None = None


class Receipt(NamedTuple):
    """The execution is durable. ``queue_position`` counts from 1 at the head; 0 once it is dispatched.

    ``duplicate`` says that the idempotency key had been accepted before and this is that execution.
    """

    execution_id: int
    action_ref: str
    status: ExecutionStatus
    queue_position: int
    duplicate: bool


class Intervention(StrEnum):
    """What a request to end an execution came to."""

    CANCELLED = "cancelled"
    """It waited, and will not run."""
    CANCELLING = "cancelling"
    """It is with a worker, which is told to stop it; it keeps its slot until it has stopped."""
    COMPLETED = "completed"
    """It ended as the caller says, and its slot is free."""
    ENDED = "ended"
    """It had reached a terminal status before."""
    UNKNOWN = "unknown"
    """There is no such execution."""


class RefusalCode(StrEnum):
    """Why a request was refused, in the words of the API's ``code``."""

    UNKNOWN_ACTION = "unknown_action"
    ACTION_DISABLED = "action_disabled"
    QUEUE_FULL = "queue_full"


class Refusal(NamedTuple):
    """The request was refused and left no trace. ``retry_after_seconds`` where waiting can help."""

    code: RefusalCode
    message: str
    action_ref: str
    retry_after_seconds: int | None = None
