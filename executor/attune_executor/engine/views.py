"""What the engine shows of itself to the API and to the operator: immutable values."""

from dataclasses import dataclass

from attune_executor.ports.journal import StoredExecution


class UnavailableError(Exception):
    """The engine cannot answer now: database or broker away, or starting. Nothing is known to be lost; retry."""


@dataclass(frozen=True, slots=True)
class ExecutionView:
    """One execution; ``queue_position`` and ``estimated_start_seconds`` (from now) only while it waits."""

    stored: StoredExecution
    queue_position: int | None
    estimated_start_seconds: float | None


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """Whether the engine turns. ``last_turn_age_seconds`` counts from the last commit, idle ones included."""

    serving: bool
    last_turn_age_seconds: float
    broker_connected: bool
    detail: str
