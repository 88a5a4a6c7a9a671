"""What an SRE reads: the status of an ExecutorConfig."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from attune_operator.resources.condition import BY_TYPE, READY, Condition, Count, ObservedGeneration
from attune_operator.resources.schema import ResourceModel


class ConfigConditionType(StrEnum):
    """The conditions that an ExecutorConfig reports."""

    READY = READY
    EMERGENCY_MODE = "EmergencyMode"


class TotalsStatus(ResourceModel):
    """All queues together."""

    policies: Count | None = None
    """Policies in force."""

    queue_length: Count | None = None
    """Executions that wait."""

    active_count: Count | None = None
    """Executions that are dispatched and not finished."""

    total_enqueued: Count | None = None
    """Executions accepted since the actions were first known."""

    total_completed: Count | None = None
    """Executions that reached a terminal status since the actions were first known."""

    total_rejected: Count | None = None
    """Requests refused since the actions were first known."""


class ExecutorConfigStatus(ResourceModel):
    """Who executes, under which rules, and how much."""

    observed_generation: ObservedGeneration | None = None
    """The generation of the object that this status was computed from; -1 before the operator has looked at it."""

    conditions: tuple[Condition, ...] = Field(default=(), json_schema_extra=BY_TYPE)
    """Ready: the executor follows this configuration. EmergencyMode: limits are relaxed and actions may be closed."""

    owner: str | None = None
    """The process that owns the queues, as in `attune.executor_shard`."""

    epoch: Count | None = None
    """How often the queues have changed hands: the highest epoch of the owner's shards."""

    shards: Count | None = None
    """Shards that the queues are divided into, all with the same owner."""

    requests_per_minute: Count | None = None
    """The API's rate limit in force; absent without one."""

    totals: TotalsStatus | None = None
    """All queues together."""

    last_updated: datetime | None = None
    """When anything in any queue last changed."""
