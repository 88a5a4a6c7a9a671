"""Queues that are full, long or late: why, in the order of the runbook's solutions.

One finding for each queue. What its head waits for says which of the runbook's causes it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from attune_executor.domain.policy import Admission
from attune_executor.domain.standing import WaitsFor
from attune_operator.ctl.doctor.conditions import holds, message
from attune_operator.ctl.doctor.evidence import Evidence
from attune_operator.ctl.doctor.executor_health import ActionStanding
from attune_operator.ctl.doctor.finding import Finding, Remedy, Severity, Thresholds, keys
from attune_operator.ctl.queues import Queue, duration, queue_of
from attune_operator.resources import ActionQueuePolicy, ConditionType
from attune_operator.resources.workers import ScalingMode
from attune_operator.scaling import Reason


@dataclass(frozen=True, slots=True)
class _Case:
    """A queue that is a patient."""

    policy: ActionQueuePolicy
    queue: Queue
    standing: ActionStanding | None
    idle_slots: int | None
    now: datetime

    @property
    def evidence(self) -> tuple[str, ...]:
        """What was read of it."""
        queue, standing = self.queue, self.standing
        figures = (
            f"policy {self.policy.metadata.key}: {queue.queue_length} wait, {queue.active_count} run of"
            f" {queue.max_concurrent}, the oldest for {duration(queue.oldest_age_seconds)},"
            f" {queue.total_rejected} refused so far"
        )
        lines = [figures]
        if standing is not None and standing.waits_for is not None:
            until = "" if standing.goes_on_at is None else f" until {standing.goes_on_at.isoformat(timespec='seconds')}"
            lines.append(f"its head waits for: {standing.waits_for}{until}")
        if self.idle_slots is not None:
            lines.append(f"idle slots of its workers: {self.idle_slots}")
        scaling = self.policy.status.scaling if self.policy.status else None
        if scaling is not None:
            lines.append(f"workers: {scaling.desired} desired, at most {scaling.max_replicas}: {scaling.message}")
        return tuple(lines)

    def patch(self, patch: str) -> str:
        """The command that changes the policy."""
        metadata = self.policy.metadata
        return f"kubectl -n {metadata.namespace} patch aqp {metadata.name} --type merge -p '{patch}'"


def queues_are_short(evidence: Evidence, thresholds: Thresholds) -> Iterator[Finding]:
    """No queue is full, and none is long or late."""
    for policy in evidence.known_policies:
        queue = queue_of(policy, evidence.now)
        standing = evidence.executor.standing(policy.spec.action_ref) if evidence.executor else None
        case = _Case(policy, queue, standing, _idle_slots(evidence, standing), evidence.now)
        if holds(policy, ConditionType.SATURATED, "QueueFull"):
            yield _full(case)
        elif (queue.queue_length or 0) > thresholds.queue_length or (
            queue.oldest_age_seconds or 0
        ) > thresholds.oldest_seconds:
            yield from _long(case)


def _idle_slots(evidence: Evidence, standing: ActionStanding | None) -> int | None:
    if evidence.executor is None or standing is None:
        return None
    return sum(pool.idle_slots for pool in evidence.executor.pools(standing.pool))


def _full(case: _Case) -> Finding:
    queue = case.queue
    limit = queue.max_queue_length or 0
    return Finding(
        "queue-full",
        Severity.CRITICAL,
        f"the queue of {queue.action} is full: {queue.queue_length} wait, and further executions are refused",
        (*case.evidence, f"policy {case.policy.metadata.key}: {message(case.policy, ConditionType.SATURATED)}"),
        f"{_why_long(case)}; callers get HTTP 429, Queue full (max length: {limit})",
        (
            *_mend(case),
            Remedy(case.patch(f'{{"spec":{{"maxQueueLength":{max(2 * limit, 1)}}}}}'), "let more wait, for a while"),
        ),
        keys(case.policy),
    )


def _long(case: _Case) -> Iterator[Finding]:
    if case.policy.spec.admission is Admission.HOLD:
        # Told of as a notice: somebody holds it.
        return
    queue = case.queue
    kind = _kind(case)
    yield Finding(
        kind,
        Severity.WARNING,
        f"the queue of {queue.action} is {_what(kind)}: {queue.queue_length} wait,"
        f" the oldest for {duration(queue.oldest_age_seconds)}",
        case.evidence,
        _why_long(case),
        _mend(case),
        keys(case.policy),
    )


def _what(kind: str) -> str:
    return {
        "rate-limited": "held by its rate limit",
        "concurrency-too-low": "held by its concurrency",
        "max-replicas": "short of workers, which are at maxReplicas",
        "workers-held-back": "short of workers, which somebody else sets",
    }.get(kind, "growing")


def _kind(case: _Case) -> str:
    policy, standing = case.policy, case.standing
    waits_for = None if standing is None else standing.waits_for
    workers = policy.spec.workers
    if waits_for is WaitsFor.RATE_LIMIT:
        return "rate-limited"
    limited = (
        waits_for is WaitsFor.CONCURRENCY
        if standing is not None
        else holds(policy, ConditionType.SATURATED, "ConcurrencyLimit")
    )
    if limited and case.idle_slots != 0:
        return "concurrency-too-low"
    if holds(policy, ConditionType.SCALING_LIMITED, Reason.MAX_REPLICAS):
        return "max-replicas"
    scaling = policy.status.scaling if policy.status else None
    current = policy.status.workers.current if policy.status and policy.status.workers else None
    if (
        workers is not None
        and workers.mode is not ScalingMode.AUTO
        and (scaling is None or (current is not None and scaling.desired > current))
    ):
        return "workers-held-back"
    return "queue-growing"


def _why_long(case: _Case) -> str:
    policy = case.policy
    match _kind(case):
        case "rate-limited":
            limit = policy.spec.rate_limit
            budget = "" if limit is None else f" {limit.max_executions} in {limit.window_seconds} s"
            return f"the budget of its rate limit,{budget}, is used up: more is asked for than it lets through"
        case "concurrency-too-low":
            return f"as many run as concurrency {policy.spec.concurrency} allows, and workers idle beside it"
        case "max-replicas":
            maximum = policy.spec.workers.max_replicas if policy.spec.workers else 0
            return f"more is asked for than {maximum} workers can do, and maxReplicas allows no more"
        case "workers-held-back":
            mode = policy.spec.workers.mode if policy.spec.workers else ScalingMode.OFF
            return f"its workers have their hands full, and mode {mode} leaves their number to somebody else"
        case _:
            return "more comes in than its workers complete: a spike, or executions that have become slow"


def _mend(case: _Case) -> tuple[Remedy, ...]:
    policy = case.policy
    concurrency, workers = policy.spec.concurrency, policy.spec.workers
    look = Remedy("attune throughput", "what comes in and what completes, by action")
    match _kind(case):
        case "rate-limited":
            executions = policy.spec.rate_limit.max_executions if policy.spec.rate_limit else 1
            return (
                Remedy(
                    case.patch(f'{{"spec":{{"rateLimit":{{"maxExecutions":{2 * executions}}}}}}}'), "a larger budget"
                ),
                Remedy(case.patch('{"spec":{"rateLimit":null}}'), "or none"),
            )
        case "concurrency-too-low":
            return (
                Remedy(case.patch(f'{{"spec":{{"concurrency":{2 * concurrency}}}}}'), "if the action bears it"),
                look,
            )
        case "max-replicas":
            maximum = workers.max_replicas if workers else 1
            return (
                Remedy(case.patch(f'{{"spec":{{"workers":{{"maxReplicas":{2 * maximum}}}}}}}'), "allow more workers"),
                look,
            )
        case "workers-held-back":
            return (Remedy(case.patch('{"spec":{"workers":{"mode":"Auto"}}}'), "let the operator scale them"), look)
        case _:
            return (
                look,
                Remedy(f"attune capacity {policy.metadata.name}", "the workers that the load needs"),
                Remedy(
                    case.patch(f'{{"spec":{{"concurrency":{2 * concurrency}}}}}'), "raise concurrency, if it is safe"
                ),
                Remedy("attune emergency on --rate-limit 500 --dry-run", "or slow the callers down"),
            )
