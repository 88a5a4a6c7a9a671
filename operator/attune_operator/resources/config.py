"""The ExecutorConfig: what an SRE sets for the executor of a namespace as a whole, and what they read of it."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, field_validator

from attune_executor.domain.emergency import EMERGENCY_MAX_QUEUE_LENGTH, Emergency
from attune_executor.domain.maintenance import (
    DEFAULT_EXECUTION_RETENTION_DAYS,
    DEFAULT_GROWTH_RETENTION_DAYS,
    DEFAULT_SNAPSHOT_RETENTION_DAYS,
    MaintenanceRules,
)
from attune_executor.domain.policy import DEFAULT_MAX_QUEUE_LENGTH, DEFAULT_QUEUE_TIMEOUT_SECONDS, MAX_PRIORITY
from attune_operator.resources.config_status import ExecutorConfigStatus
from attune_operator.resources.policy import Metadata
from attune_operator.resources.schema import ResourceModel, between, rules
from attune_operator.resources.spec import YEAR_SECONDS, QueueDefaults, unlimited_if_zero

CONFIG_KIND: Final = "ExecutorConfig"
CONFIG_PLURAL: Final = "executorconfigs"
CONFIG_NAME: Final = "executor"
"""The only name there may be: a namespace has one executor, and two configurations would contradict each other."""

DEFAULT_REQUESTS_PER_MINUTE: Final = 1000
"""The runbook's `max_requests_per_minute`."""


@dataclass(frozen=True, slots=True)
class ExecutorRules:
    """All that can be changed of a running executor, policies aside.

    Attributes:
        queue: what holds for policies that do not say.
        emergency: what is relaxed and closed now; None outside of an emergency.
        requests_per_minute: submitting requests that the API takes; None for as many as come.
        maintenance: what becomes of finished executions and of snapshots.
    """

    queue: QueueDefaults
    emergency: Emergency | None
    requests_per_minute: int | None
    maintenance: MaintenanceRules


class EmergencySpec(ResourceModel):
    """What emergency mode does while it is on."""

    max_queue_length: int = between(
        0,
        100_000_000,
        "emergency.maxQueueLength must be 0 or more; it only ever lengthens queues, so 0 relaxes nothing",
        default=EMERGENCY_MAX_QUEUE_LENGTH,
    )
    """Executions that may wait for any action, where its own limit is lower."""

    close_below_priority: int = between(
        0,
        MAX_PRIORITY + 1,
        "closeBelowPriority must be between 0 (close none) and 11 (close every action)",
        default=0,
    )
    """Actions whose policy has a lower priority take no new executions; what waits goes on. 0 closes none."""

    close_tags: tuple[Annotated[str, Field(min_length=1, max_length=63)], ...] = Field(
        default=(), max_length=20, json_schema_extra={"x-kubernetes-list-type": "set"}
    )
    """Actions whose policy has any of these tags take no new executions; what waits goes on."""


class QueueSpec(ResourceModel):
    """What holds for every policy that does not say otherwise."""

    max_queue_length: int = between(
        0,
        100_000_000,
        "queue.maxQueueLength must be 0 or more; 0 refuses whatever cannot start at once",
        default=DEFAULT_MAX_QUEUE_LENGTH,
    )
    """Executions of one action that may wait, where its policy names no maxQueueLength."""

    queue_timeout_seconds: int = between(
        0,
        YEAR_SECONDS,
        "queue.queueTimeoutSeconds must be between 1 and 31536000, or 0 to let executions wait for as long as it takes",
        default=DEFAULT_QUEUE_TIMEOUT_SECONDS,
    )
    """Seconds that an execution may wait before it ends with status timeout, where its action's policy names no
    queueTimeoutSeconds. 0: for as long as it takes."""

    def defaults(self) -> QueueDefaults:
        """The same for the executor."""
        return QueueDefaults(self.max_queue_length, unlimited_if_zero(self.queue_timeout_seconds))


class ApiRateLimitSpec(ResourceModel):
    """How many submitting requests the API takes, of all callers together."""

    enabled: bool = True
    """Whether the limit is in force; false keeps the number for the next time."""

    max_requests_per_minute: int = between(
        1,
        10_000_000,
        "maxRequestsPerMinute must be 1 or more; to refuse everything set the admission of the policies to Closed",
        default=DEFAULT_REQUESTS_PER_MINUTE,
    )
    """Requests that may come at once, and that are taken in a minute afterwards. Beyond it a request is answered 429
    with Retry-After. A request may carry many executions."""


class RetentionSpec(ResourceModel):
    """How long the database keeps what is over."""

    execution_days: int = between(
        0,
        36_500,
        "retention.executionDays must be between 1 and 36500, or 0 to keep finished executions for ever",
        default=DEFAULT_EXECUTION_RETENTION_DAYS,
    )
    """Days after which a finished execution is deleted; 0: never. Looked after once an hour."""

    snapshot_days: int = between(
        0,
        36_500,
        "retention.snapshotDays must be between 1 and 36500, or 0 to keep snapshots for ever",
        default=DEFAULT_SNAPSHOT_RETENTION_DAYS,
    )
    """Days after which a snapshot of the queues is deleted; 0: never. Looked after once a day."""

    growth_days: int = between(
        0,
        36_500,
        "retention.growthDays must be between 1 and 36500, or 0 to keep the counts of every day for ever",
        default=DEFAULT_GROWTH_RETENTION_DAYS,
    )
    """Days after which the counts of a day, from which growth is planned, are deleted; 0: never. Looked after once a
    day."""


class SnapshotsSpec(ResourceModel):
    """The snapshots in `attune.queue_snapshots`, from which growth is analyzed."""

    enabled: bool = True
    """Whether every queue that is not empty or idle is copied there, every 5 minutes."""


class ExecutorConfigSpec(ResourceModel):
    """What holds for the executor of this namespace and all its queues."""

    emergency_mode: bool = False
    """Relaxes the queues' limits and closes what `emergency` names, within a second or so. Turning it off restores what
    the policies say."""

    emergency: EmergencySpec = EmergencySpec()
    """What emergency mode does while it is on; without effect while it is off."""

    queue: QueueSpec = QueueSpec()
    """What holds for every policy that does not say otherwise."""

    api_rate_limit: ApiRateLimitSpec | None = None
    """How many submitting requests the API takes, of all callers together. Unless set, as many as come."""

    snapshots: SnapshotsSpec = SnapshotsSpec()
    """The snapshots in `attune.queue_snapshots`, from which growth is analyzed."""

    retention: RetentionSpec = RetentionSpec()
    """How long the database keeps what is over."""

    def rules(self, *, statistics: bool) -> ExecutorRules:
        """What the executor follows of this spec.

        Args:
            statistics: whether the executor writes statistics at all; without them there is nothing to take
                snapshots of.
        """
        limit = self.api_rate_limit
        return ExecutorRules(
            queue=self.queue.defaults(),
            emergency=Emergency(
                self.emergency.max_queue_length,
                self.emergency.close_below_priority,
                frozenset(self.emergency.close_tags),
            )
            if self.emergency_mode
            else None,
            requests_per_minute=limit.max_requests_per_minute if limit and limit.enabled else None,
            maintenance=MaintenanceRules(
                snapshots=statistics and self.snapshots.enabled,
                execution_retention_days=self.retention.execution_days,
                snapshot_retention_days=self.retention.snapshot_days,
                growth_retention_days=self.retention.growth_days,
            ),
        )


class ExecutorConfig(ResourceModel):
    """The ExecutorConfig sets what holds for all queues: emergency mode, the API's rate limit, defaults, retention.

    There is one, of the name `executor`, in the operator's own namespace. Changes take effect within seconds, without
    a restart. Without it, the operator's configuration file and environment say the same things.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                f"self.metadata.name == '{CONFIG_NAME}'",
                f"an ExecutorConfig must be named {CONFIG_NAME}: there is one executor, and this configures it",
            )
        )
    )

    metadata: Metadata
    spec: ExecutorConfigSpec
    """What is wanted."""

    status: ExecutorConfigStatus | None = None
    """What is; written by the operator."""

    @field_validator("status", mode="wrap")
    @classmethod
    def _written_by_this_release(cls, value: object, read: ValidatorFunctionWrapHandler) -> ExecutorConfigStatus | None:
        """A status that another release wrote is none: it is written anew, and the object stays in force meanwhile."""
        try:
            return read(value)
        except ValidationError:
            return None
