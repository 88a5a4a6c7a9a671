"""The life of an execution: the statuses the runbook's SQL speaks of, and which of them are final."""

import json
from enum import StrEnum
from typing import Final, NamedTuple, Self


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


class Ending(NamedTuple):
    """How an execution ended, where no worker says so: a terminal status, and a result as a JSON value in UTF-8."""

    status: ExecutionStatus
    result: bytes

    @classmethod
    def because(cls, status: ExecutionStatus, reason: str) -> Self:
        """An end without a result of the action's own: ``reason`` is told instead, as its error."""
        return cls(status, json.dumps({"error": reason}).encode())
