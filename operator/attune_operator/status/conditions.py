"""The five conditions of a policy: each a verdict with its reason and a sentence that says what to do."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from attune_executor.domain.policy import Admission
from attune_operator.resources import ActionQueuePolicy, Condition, ConditionType
from attune_operator.resources.condition import PENDING
from attune_operator.scaling import Decision, Reason
from attune_operator.status.observation import PolicyObservation
from attune_operator.status.progress import stuck
from attune_operator.status.verdict import Verdict, fails, holds, settled, unknown

CONFLICT: Final = "Conflict"
SCALED_TO_ZERO: Final = "ScaledToZero"
"""Wanted, with minReplicas 0: nothing to warn of."""


def conditions(observation: PolicyObservation, previous: tuple[Condition, ...], now: datetime) -> tuple[Condition, ...]:
    """The conditions at ``now``."""
    verdicts: dict[str, Verdict] = {kind: judge(observation, now) for kind, judge in _JUDGES.items()}
    if observation.ruled_by is not None:
        verdicts[ConditionType.STALLED] = holds(CONFLICT, verdicts[ConditionType.READY].message)
    return settled(verdicts, observation.policy.metadata.generation, previous, now)


def _unmeasured(observation: PolicyObservation) -> Verdict:
    if observation.ruled_by is not None:
        return unknown(CONFLICT, "the policy is not in force, see Ready")
    if observation.executor is not None:
        return unknown("ExecutorUnavailable", observation.executor)
    return unknown("StatisticsUnknown", "the executor has not reported the queue yet")


def _ready(observation: PolicyObservation, _now: datetime) -> Verdict:
    if observation.ruled_by is not None:
        return fails(
            CONFLICT,
            f"the older policy {observation.ruled_by} is in force for {observation.policy.spec.action_ref}:"
            " delete one of the two",
        )
    if observation.executor is not None:
        return unknown("ExecutorUnavailable", observation.executor)
    if not observation.in_force:
        return fails(PENDING, "the executor has not taken the policy over yet")
    return holds("InForce", f"the executor enforces the policy{_what_it_starts(observation)}")


def _what_it_starts(observation: PolicyObservation) -> str:
    """What an SRE would otherwise have to look for elsewhere: why nothing is accepted or started."""
    if observation.policy.spec.admission is Admission.HOLD:
        return "; admission is Hold: executions are accepted and none is started"
    if observation.policy.spec.admission is Admission.CLOSED:
        return "; admission is Closed: new executions are refused"
    if observation.closed_by_emergency:
        return "; emergency mode has closed the action by its priority or tags: new executions are refused"
    return ""


def _saturated(observation: PolicyObservation, _now: datetime) -> Verdict:
    stats, limit = observation.fresh_stats, observation.max_queue_length
    if stats is None:
        return _unmeasured(observation)
    full = stats.active_count >= stats.max_concurrent * stats.lines
    if limit is not None and stats.queue_length >= limit and (full or stats.queue_length > 0):
        return holds(
            "QueueFull",
            "as many executions wait as maxQueueLength allows and further ones are refused:"
            " raise concurrency or maxQueueLength, or slow the callers down",
        )
    if full and stats.queue_length > 0:
        return holds(
            "ConcurrencyLimit",
            "executions wait while as many run as concurrency allows: raise concurrency if the action bears it",
        )
    return fails("WithinLimits", "the limits of the queue leave room")


def _scaling_limited(observation: PolicyObservation, _now: datetime) -> Verdict:
    workers, decision = observation.policy.spec.workers, observation.decision
    if workers is None:
        return fails("NotScaled", "the policy names no worker Deployment")
    if observation.fresh_stats is None:
        return _unmeasured(observation)
    if decision is None:
        return unknown("DeploymentNotFound", f"there is no Deployment {workers.deployment} to scale")
    return _limits(decision, observation.policy)


def _limits(decision: Decision, policy: ActionQueuePolicy) -> Verdict:
    if decision.reason is Reason.OFF:
        return fails("NotScaled", decision.message)
    if decision.reason is Reason.SCALED_BY_ANOTHER:
        return holds(Reason.SCALED_BY_ANOTHER, decision.message)
    if policy.metadata.name in decision.limited_by_concurrency:
        return holds(
            "ConcurrencyLimit",
            f"more workers would idle, because concurrency {policy.spec.concurrency} is what holds the queue back:"
            " raise concurrency rather than workers",
        )
    if decision.limited_by_maximum:
        return holds("MaxReplicas", decision.message)
    return fails("WithinLimits", "the load is within what the limits allow")


def _workers_available(observation: PolicyObservation, _now: datetime) -> Verdict:
    workers, deployment = observation.policy.spec.workers, observation.deployment
    if workers is None:
        return unknown("NotScaled", "the policy names no worker Deployment")
    if deployment is None:
        return fails(
            "DeploymentNotFound",
            f"there is no Deployment {workers.deployment} in namespace {observation.policy.metadata.namespace}:"
            " create it or correct spec.workers.deployment",
        )
    if deployment.ready > 0:
        return holds("WorkersReady", "workers are ready")
    if deployment.replicas == 0:
        return fails(SCALED_TO_ZERO, "the Deployment has no workers; the first execution that waits brings one")
    return fails(
        "NoWorkerReady",
        f"none of {deployment.replicas} workers is ready: look at the pods of Deployment {deployment.metadata.name}",
    )


def _stuck(observation: PolicyObservation, now: datetime) -> Verdict:
    stats = observation.fresh_stats
    if stats is None:
        return _unmeasured(observation)
    still = now.timestamp() - stats.last_updated
    return stuck(observation.policy.spec, stats.queue_length, stats.active_count, still)


_JUDGES: Final[dict[ConditionType, Callable[[PolicyObservation, datetime], Verdict]]] = {
    ConditionType.READY: _ready,
    ConditionType.SATURATED: _saturated,
    ConditionType.SCALING_LIMITED: _scaling_limited,
    ConditionType.WORKERS_AVAILABLE: _workers_available,
    ConditionType.STUCK: _stuck,
}
