"""The five conditions of a policy: each a verdict with its reason and a sentence that says what to do."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from attune_executor.domain.policy import Admission
from attune_operator.resources import ActionQueuePolicy, Condition, ConditionStatus, ConditionType
from attune_operator.scaling import Decision, Reason
from attune_operator.status.observation import PolicyObservation

STUCK_SECONDS: Final = 600
"""The runbook's "Last Updated > 10 min"."""


class Verdict(NamedTuple):
    """A condition without its times."""

    status: ConditionStatus
    reason: str
    message: str


def conditions(observation: PolicyObservation, previous: tuple[Condition, ...], now: datetime) -> tuple[Condition, ...]:
    """The conditions at ``now``; a transition time is kept for as long as its status is."""
    earlier = {condition.type: condition for condition in previous}
    result: list[Condition] = []
    for kind, judge in _JUDGES.items():
        verdict = judge(observation, now)
        before = earlier.get(kind)
        unchanged = before is not None and before.status == verdict.status
        result.append(
            Condition(
                type=kind,
                status=verdict.status,
                observed_generation=observation.policy.metadata.generation,
                last_transition_time=before.last_transition_time if before and unchanged else now,
                reason=verdict.reason,
                message=verdict.message,
            )
        )
    return tuple(result)


def _true(reason: str, message: str) -> Verdict:
    return Verdict(ConditionStatus.TRUE, reason, message)


def _false(reason: str, message: str) -> Verdict:
    return Verdict(ConditionStatus.FALSE, reason, message)


def _unknown(reason: str, message: str) -> Verdict:
    return Verdict(ConditionStatus.UNKNOWN, reason, message)


def _unmeasured(observation: PolicyObservation) -> Verdict:
    if observation.ruled_by is not None:
        return _unknown("Conflict", "the policy is not in force, see Ready")
    if observation.executor is not None:
        return _unknown("ExecutorUnavailable", observation.executor)
    return _unknown("StatisticsUnknown", "the executor has not reported the queue yet")


def _ready(observation: PolicyObservation, _now: datetime) -> Verdict:
    if observation.ruled_by is not None:
        return _false(
            "Conflict",
            f"the older policy {observation.ruled_by} is in force for {observation.policy.spec.action_ref}:"
            " delete one of the two",
        )
    if observation.executor is not None:
        return _unknown("ExecutorUnavailable", observation.executor)
    if not observation.in_force:
        return _false("Pending", "the executor has not taken the policy over yet")
    return _true("InForce", "the executor enforces the policy")


def _saturated(observation: PolicyObservation, _now: datetime) -> Verdict:
    stats, spec = observation.fresh_stats, observation.policy.spec
    if stats is None:
        return _unmeasured(observation)
    full = stats.active_count >= stats.max_concurrent
    if stats.queue_length >= spec.max_queue_length and (full or stats.queue_length > 0):
        return _true(
            "QueueFull",
            "as many executions wait as maxQueueLength allows and further ones are refused:"
            " raise concurrency or maxQueueLength, or slow the callers down",
        )
    if full and stats.queue_length > 0:
        return _true(
            "ConcurrencyLimit",
            "executions wait while as many run as concurrency allows: raise concurrency if the action bears it",
        )
    return _false("WithinLimits", "the limits of the queue leave room")


def _scaling_limited(observation: PolicyObservation, _now: datetime) -> Verdict:
    workers, decision = observation.policy.spec.workers, observation.decision
    if workers is None:
        return _false("NotScaled", "the policy names no worker Deployment")
    if observation.fresh_stats is None:
        return _unmeasured(observation)
    if decision is None:
        return _unknown("DeploymentNotFound", f"there is no Deployment {workers.deployment} to scale")
    return _limits(decision, observation.policy)


def _limits(decision: Decision, policy: ActionQueuePolicy) -> Verdict:
    if decision.reason is Reason.OFF:
        return _false("NotScaled", decision.message)
    if policy.metadata.name in decision.limited_by_concurrency:
        return _true(
            "ConcurrencyLimit",
            f"more workers would idle, because concurrency {policy.spec.concurrency} is what holds the queue back:"
            " raise concurrency rather than workers",
        )
    if decision.limited_by_maximum:
        return _true("MaxReplicas", decision.message)
    return _false("WithinLimits", "the load is within what the limits allow")


def _workers_available(observation: PolicyObservation, _now: datetime) -> Verdict:
    workers, deployment = observation.policy.spec.workers, observation.deployment
    if workers is None:
        return _unknown("NotScaled", "the policy names no worker Deployment")
    if deployment is None:
        return _false(
            "DeploymentNotFound",
            f"there is no Deployment {workers.deployment} in namespace {observation.policy.metadata.namespace}:"
            " create it or correct spec.workers.deployment",
        )
    if deployment.ready > 0:
        return _true("WorkersReady", "workers are ready")
    if deployment.replicas == 0:
        return _false("ScaledToZero", "the Deployment has no workers; the first execution that waits brings one")
    return _false(
        "NoWorkerReady",
        f"none of {deployment.replicas} workers is ready: look at the pods of Deployment {deployment.metadata.name}",
    )


def _stuck(observation: PolicyObservation, now: datetime) -> Verdict:
    stats = observation.fresh_stats
    if stats is None:
        return _unmeasured(observation)
    if stats.queue_length == 0 and stats.active_count == 0:
        return _false("Empty", "nothing waits and nothing runs")
    if observation.policy.spec.admission is Admission.HOLD and stats.active_count == 0:
        return _false("Held", "admission is Hold: nothing is started")
    if now.timestamp() - stats.last_updated > STUCK_SECONDS:
        return _true(
            "NotProgressing",
            f"the queue has work and has not moved for {STUCK_SECONDS // 60} minutes: look for stuck workers and"
            " executions",
        )
    return _false("Progressing", "the queue moves")


_JUDGES: Final[dict[ConditionType, Callable[[PolicyObservation, datetime], Verdict]]] = {
    ConditionType.READY: _ready,
    ConditionType.SATURATED: _saturated,
    ConditionType.SCALING_LIMITED: _scaling_limited,
    ConditionType.WORKERS_AVAILABLE: _workers_available,
    ConditionType.STUCK: _stuck,
}
