"""Why a decision is what it is: the first question that an SRE asks of an autoscaler."""

from dataclasses import dataclass
from enum import StrEnum

from attune_operator.scaling.shared import SharedSettings


class Reason(StrEnum):
    """What had the last word on the number of workers."""

    OFF = "Off"
    SCALED_BY_ANOTHER = "ScaledByAnother"
    STATISTICS_UNKNOWN = "StatisticsUnknown"
    BUSY_WORKERS = "BusyWorkers"
    STABILIZING = "Stabilizing"
    MAX_REPLICAS = "MaxReplicas"
    CONCURRENCY_LIMIT = "ConcurrencyLimit"
    MIN_REPLICAS = "MinReplicas"
    BACKLOG = "Backlog"
    DEPTH_BAND = "DepthBand"
    ACTIVE_EXECUTIONS = "ActiveExecutions"
    PEAK_LOAD = "PeakLoad"
    IDLE = "Idle"


@dataclass(frozen=True, slots=True)
class Steps:
    """The numbers of one decision in the order in which they follow from each other; all but the first are counts.

    Attributes:
        scaled_by: another autoscaler that sets the size of the Deployment.
        unknown: policies without fresh measurements.
        replicas: workers that there are.
        waiting: executions that wait.
        active: executions that are dispatched and not finished.
        base: workers by the formula.
        buffered: ``base`` with the buffer.
        percent: growth of the depth band.
        by_depth: workers that the depth asks for.
        by_backlog: workers that clear the work in hand in time.
        by_active: workers that the active executions occupy.
        uncapped: workers by formula, depth and backlog before the cap of the concurrency.
        wanted: workers before the bounds.
        recommended: workers within the bounds.
        stabilized: workers after the stabilization window.
        desired: the same, or as many as must not be taken away for what they run.
        shared: bounds, cap and window in force.
    """

    scaled_by: str | None
    unknown: tuple[str, ...]
    replicas: int
    waiting: int
    active: int
    base: int
    buffered: int
    percent: int
    by_depth: int
    by_backlog: int
    by_active: int
    uncapped: int
    wanted: int
    recommended: int
    stabilized: int
    desired: int
    shared: SharedSettings


def deciding_reason(steps: Steps) -> Reason:
    """The step that explains the number: the first that holds, from the last step back to the first."""
    cap = steps.shared.concurrency_cap
    explanations = (
        (steps.scaled_by is not None, Reason.SCALED_BY_ANOTHER),
        (bool(steps.unknown) and steps.recommended == steps.replicas, Reason.STATISTICS_UNKNOWN),
        (steps.desired > steps.stabilized, Reason.BUSY_WORKERS),
        (steps.stabilized > steps.recommended, Reason.STABILIZING),
        (steps.wanted > steps.shared.maximum, Reason.MAX_REPLICAS),
        (steps.recommended == 0, Reason.IDLE),
        (steps.wanted < steps.shared.minimum, Reason.MIN_REPLICAS),
        (cap is not None and steps.uncapped > cap >= steps.wanted, Reason.CONCURRENCY_LIMIT),
        (steps.wanted > steps.uncapped, Reason.ACTIVE_EXECUTIONS),
        (steps.wanted == steps.by_backlog > steps.buffered and steps.by_backlog >= steps.by_depth, Reason.BACKLOG),
        (steps.wanted == steps.by_depth > steps.buffered, Reason.DEPTH_BAND),
    )
    return next((reason for holds, reason in explanations if holds), Reason.PEAK_LOAD)


def explanation(reason: Reason, steps: Steps) -> str:
    """The reason in a sentence with its numbers, and what to do where something can be done."""
    shared = steps.shared
    asked = max(steps.buffered, steps.by_depth, steps.by_backlog)
    return {
        Reason.OFF: "the Deployment is left alone",
        Reason.SCALED_BY_ANOTHER: (
            f"{steps.scaled_by} scales the Deployment and two would fight over it: delete that one, or set workers.mode"
            f" to Recommend or Off; the {steps.replicas} workers are left to it"
        ),
        Reason.STATISTICS_UNKNOWN: (
            f"measurements of {', '.join(steps.unknown)} are missing or stale: the {steps.replicas} workers are kept"
        ),
        Reason.BUSY_WORKERS: (
            f"{steps.stabilized} workers would do; {steps.desired} are busy with what may take longer than their pods'"
            " terminationGracePeriodSeconds: raise that above the longest run to have them finish while they leave"
        ),
        Reason.STABILIZING: (
            f"the load needs {steps.recommended} workers; {steps.stabilized} are kept until no more than that were"
            f" recommended for {shared.stabilization_seconds} s"
        ),
        Reason.MAX_REPLICAS: (
            f"the load asks for {steps.wanted} workers and maxReplicas allows {shared.maximum}:"
            " raise maxReplicas to follow it"
        ),
        Reason.CONCURRENCY_LIMIT: (
            f"the load asks for {asked} workers and concurrency {shared.concurrency} keeps {shared.concurrency_cap}"
            " busy: raise concurrency to use more"
        ),
        Reason.MIN_REPLICAS: f"the load needs {steps.wanted} workers; minReplicas keeps {shared.minimum}",
        Reason.BACKLOG: (
            f"{steps.waiting} executions wait and {steps.active} are active: {steps.by_backlog} workers clear them"
            " within drainSeconds"
        ),
        Reason.DEPTH_BAND: f"{steps.waiting} executions wait: +{steps.percent} % makes {steps.by_depth} workers",
        Reason.ACTIVE_EXECUTIONS: f"the active executions occupy {steps.wanted} workers",
        Reason.PEAK_LOAD: f"the measured peak needs {steps.base} workers, with the buffer {steps.buffered}",
        Reason.IDLE: "nothing waits, runs or was measured: no workers are needed",
    }[reason]
