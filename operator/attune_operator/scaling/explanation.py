"""Why a decision is what it is: the first question that an SRE asks of an autoscaler."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """What had the last word on the number of workers."""

    OFF = "Off"
    STATISTICS_UNKNOWN = "StatisticsUnknown"
    STABILIZING = "Stabilizing"
    MAX_REPLICAS = "MaxReplicas"
    CONCURRENCY_LIMIT = "ConcurrencyLimit"
    MIN_REPLICAS = "MinReplicas"
    DEPTH_BAND = "DepthBand"
    ACTIVE_EXECUTIONS = "ActiveExecutions"
    PEAK_LOAD = "PeakLoad"
    IDLE = "Idle"


@dataclass(frozen=True, slots=True)
class Steps:
    """The numbers of one decision in the order in which they follow from each other; all but the first are counts.

    Attributes:
        unknown: policies without fresh measurements.
        replicas: workers that there are.
        waiting: executions that wait.
        concurrency: executions that the policies allow at a time.
        base: workers by the formula.
        buffered: ``base`` with the buffer.
        percent: growth of the depth band.
        by_depth: workers that the depth asks for.
        by_active: workers that the active executions occupy.
        cap: workers that the concurrency can keep busy.
        minimum: bound in force.
        maximum: bound in force.
        uncapped: workers by formula and depth before ``cap``.
        wanted: workers before the bounds.
        recommended: workers within the bounds.
        stabilization_seconds: length of the window.
        desired: workers after the window.
    """

    unknown: tuple[str, ...]
    replicas: int
    waiting: int
    concurrency: int
    base: int
    buffered: int
    percent: int
    by_depth: int
    by_active: int
    cap: int
    minimum: int
    maximum: int
    uncapped: int
    wanted: int
    recommended: int
    stabilization_seconds: int
    desired: int


def deciding_reason(steps: Steps) -> Reason:
    """The step that explains the number: the first that holds, from the last step back to the first."""
    explanations = (
        (bool(steps.unknown) and steps.recommended == steps.replicas, Reason.STATISTICS_UNKNOWN),
        (steps.desired > steps.recommended, Reason.STABILIZING),
        (steps.wanted > steps.maximum, Reason.MAX_REPLICAS),
        (steps.recommended == 0, Reason.IDLE),
        (steps.wanted < steps.minimum, Reason.MIN_REPLICAS),
        (steps.uncapped > steps.cap >= steps.wanted, Reason.CONCURRENCY_LIMIT),
        (steps.wanted > steps.uncapped, Reason.ACTIVE_EXECUTIONS),
        (steps.wanted == steps.by_depth > steps.buffered, Reason.DEPTH_BAND),
    )
    return next((reason for holds, reason in explanations if holds), Reason.PEAK_LOAD)


def explanation(reason: Reason, steps: Steps) -> str:
    """The reason in a sentence with its numbers, and what to do where something can be done."""
    asked = max(steps.buffered, steps.by_depth)
    return {
        Reason.OFF: "the Deployment is left alone",
        Reason.STATISTICS_UNKNOWN: (
            f"measurements of {', '.join(steps.unknown)} are missing or stale: the {steps.replicas} workers are kept"
        ),
        Reason.STABILIZING: (
            f"the load needs {steps.recommended} workers; {steps.desired} are kept until no more than that were"
            f" recommended for {steps.stabilization_seconds} s"
        ),
        Reason.MAX_REPLICAS: (
            f"the load asks for {steps.wanted} workers and maxReplicas allows {steps.maximum}:"
            " raise maxReplicas to follow it"
        ),
        Reason.CONCURRENCY_LIMIT: (
            f"the load asks for {asked} workers and concurrency {steps.concurrency} keeps {steps.cap} busy:"
            " raise concurrency to use more"
        ),
        Reason.MIN_REPLICAS: f"the load needs {steps.wanted} workers; minReplicas keeps {steps.minimum}",
        Reason.DEPTH_BAND: (f"{steps.waiting} executions wait: +{steps.percent} % makes {steps.by_depth} workers"),
        Reason.ACTIVE_EXECUTIONS: f"the active executions occupy {steps.wanted} workers",
        Reason.PEAK_LOAD: f"the measured peak needs {steps.base} workers, with the buffer {steps.buffered}",
        Reason.IDLE: "nothing waits, runs or was measured: no workers are needed",
    }[reason]
