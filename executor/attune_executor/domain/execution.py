"""The life of an execution: the statuses the runbook's SQL speaks of, and which of them are final."""

from enum import StrEnum
from typing import Final


class ExecutionStatus(StrEnum):
    """Status of an execution, as stored in ``attune.execution.status``."""

    REQUESTED = "requested"
    """Accepted and waiting in its queue."""
    SCHEDULED = "scheduled"
    """Dispatched to its worker pool, not yet reported as started. Holds a slot."""
    RUNNING = "running"
    """Started by a worker. Holds a slot."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"


TERMINAL: Final = frozenset(
    {
        ExecutionStatus.SUCCEEDED,
        ExecutionStatus.FAILED,
        ExecutionStatus.CANCELLED,
        ExecutionStatus.TIMEOUT,
    }
)
"""Statuses that never change again: the first one reported wins."""
