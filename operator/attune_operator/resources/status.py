"""What an SRE reads: the status of an ActionQueuePolicy."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from attune_operator.resources.condition import BY_TYPE, READY, STALLED, Condition, Count, ObservedGeneration
from attune_operator.resources.schema import ResourceModel
from attune_operator.resources.workers import ScalingMode


class ConditionType(StrEnum):
    """The conditions that a policy reports."""

    READY = READY
    SATURATED = "Saturated"
    SCALING_LIMITED = "ScalingLimited"
    WORKERS_AVAILABLE = "WorkersAvailable"
    STUCK = "Stuck"
    STALLED = STALLED


class WorkersStatus(ResourceModel):
    """The worker Deployment at a glance."""

    current: Count | None = None
    """Workers that the Deployment is set to (its spec.replicas)."""

    ready: Count | None = None
    """Worker pods that are ready."""

    desired: Count | None = None
    """Workers that the operator wants."""


class ScalingStatus(ResourceModel):
    """The last scaling decision, step by step: what was measured, what followed, and which limit had the last word.

    Where policies share the Deployment, the measurements are their sums.
    """

    mode: ScalingMode
    """Mode in force for the Deployment."""

    policies: Count
    """Policies that the Deployment serves, this one included; what they need is added up."""

    peak_per_hour: Count
    """Highest rate of arrivals of any five minutes in the peak window, in executions per hour."""

    arrivals_per_hour: Count = 0
    """Rate of arrivals over the last five whole minutes, in executions per hour."""

    average_duration_seconds: float | None = None
    """Mean run time of the executions that finished in the peak window or last before it, weighted by their arrivals;
    absent before the first one finishes."""

    duration_p50_seconds: float | None = None
    """Run time that half of the executions in the peak window stayed within; of several policies, the slowest."""

    duration_p95_seconds: float | None = None
    """Run time that 95 % of them stayed within."""

    duration_p99_seconds: float | None = None
    """Run time that 99 % of them stayed within."""

    waiting: Count
    """Executions that waited."""

    active: Count
    """Executions that were dispatched and not finished."""

    slots_per_worker: Count
    """Executions that one worker runs at a time."""

    base_workers: Count
    """peakPerHour × averageDurationSeconds / 3600 / slotsPerWorker, rounded up: the runbook's formula."""

    buffered_workers: Count
    """baseWorkers with the buffer added."""

    depth_band_percent: Count
    """Growth of the depth band that applied; 0 below the first one."""

    depth_workers: Count
    """Workers that the depth of the queue asked for; 0 when it asked for none."""

    backlog_workers: Count = 0
    """(waiting + active) × averageDurationSeconds / (drainSeconds × slotsPerWorker), rounded up: the workers that clear
    the work in hand within drainSeconds; 0 when nothing waits for workers or its duration is not known."""

    active_workers: Count
    """Workers that the active executions occupy: never fewer."""

    concurrency_cap: Count | None = None
    """Workers that the concurrency limits can keep busy: more could only idle. Absent with groupBy, where each group
    has the limit to itself."""

    min_replicas: Count
    """Lower bound in force."""

    max_replicas: Count
    """Upper bound in force."""

    recommended: Count
    """Workers that the measurements ask for, within all limits, before the stabilization window."""

    desired: Count
    """Workers after the stabilization window: the decision."""

    reason: str
    """What decided, in one CamelCase word."""

    message: str
    """The decision in a sentence."""

    last_scale_time: datetime | None = None
    """When the operator last changed the number of workers."""


class ActionQueuePolicyStatus(ResourceModel):
    """How the queue is doing, and why it has that many workers."""

    observed_generation: ObservedGeneration | None = None
    """The generation of the policy that this status was computed from; -1 before the operator has looked at it."""

    conditions: tuple[Condition, ...] = Field(default=(), json_schema_extra=BY_TYPE)
    """Ready: the executor enforces the policy. Saturated: executions wait although as many run as may, or the queue is
    full. ScalingLimited: the load asks for workers that a limit denies, or scaling is refused. WorkersAvailable: a
    worker pod is ready. Stuck: the queue has work and has not moved for 10 minutes, or for
    as long as a run may take if that is longer. Stalled, only while it holds: the
    policy does not become ready by itself."""

    queue_length: Count | None = None
    """Executions that wait."""

    active_count: Count | None = None
    """Executions that are dispatched and not finished."""

    max_concurrent: Count | None = None
    """The concurrency limit in force."""

    max_queue_length: Count | None = None
    """The limit of the queue in force: defaults and emergency mode included."""

    oldest_enqueued_at: datetime | None = None
    """When the execution at the head of the queue was accepted; absent when none waits."""

    total_enqueued: Count | None = None
    """Executions accepted since the action was first known."""

    total_completed: Count | None = None
    """Executions that reached a terminal status since the action was first known."""

    total_rejected: Count | None = None
    """Requests refused since the action was first known."""

    estimated_wait_seconds: Count | None = None
    """How long an execution that is accepted now is expected to wait; absent while that cannot be told."""

    last_updated: datetime | None = None
    """When anything in the queue last changed."""

    workers: WorkersStatus | None = None
    """The worker Deployment; absent without spec.workers."""

    scaling: ScalingStatus | None = None
    """The last scaling decision; absent without spec.workers and in mode Off."""
