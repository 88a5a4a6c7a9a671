"""The worker Deployments that the policies name: there, of a size, with pods that work, and left to the operator."""

from collections.abc import Iterator

from attune_operator.ctl.doctor.conditions import holds, message
from attune_operator.ctl.doctor.deployments import pod_fault
from attune_operator.ctl.doctor.evidence import Evidence, Workload
from attune_operator.ctl.doctor.finding import Finding, Remedy, Severity, keys
from attune_operator.ctl.doctor.pod_fault import kubectl, pods_line
from attune_operator.resources import ActionQueuePolicy, ConditionType, ObjectKey
from attune_operator.resources.workers import ScalingMode
from attune_operator.scaling import Reason


def deployments_there(evidence: Evidence) -> Iterator[Finding]:
    """Every worker Deployment that a policy names exists and has pods that work."""
    for key, workload in evidence.workers.items():
        policies = evidence.served_by(key)
        if not workload.exists:
            yield _missing(key, policies)
        elif workload.replicas == 0:
            yield from _scaled_to_zero(workload, policies)
        else:
            yield from _pods(evidence, workload, policies)


def left_to_the_operator(evidence: Evidence) -> Iterator[Finding]:
    """No other autoscaler sets the size of a Deployment that a policy is to scale."""
    for key in evidence.workers:
        policies = evidence.served_by(key)
        if any(holds(policy, ConditionType.SCALING_LIMITED, Reason.SCALED_BY_ANOTHER) for policy in policies):
            yield Finding(
                "another-autoscaler",
                Severity.WARNING,
                f"another autoscaler sets the size of Deployment {key}",
                tuple(
                    f"policy {each.metadata.key}: {message(each, ConditionType.SCALING_LIMITED)}" for each in policies
                ),
                "two autoscalers would fight over the number of workers, so the operator leaves it to the other one,"
                " which knows nothing of the queue",
                (
                    Remedy(f"kubectl -n {key.namespace} get hpa", "which one; delete it, then the operator scales"),
                    Remedy(
                        _patch(policies[0], '{"spec":{"workers":{"mode":"Off"}}}'), "or say that the other one is meant"
                    ),
                ),
                keys(*policies),
            )


def _missing(key: ObjectKey, policies: list[ActionQueuePolicy]) -> Finding:
    names = ", ".join(policy.metadata.name for policy in policies)
    return Finding(
        "workers-deployment-missing",
        Severity.CRITICAL,
        f"there is no worker Deployment {key}, which {names} names",
        (f"Deployment {key}: not found", f"named by spec.workers.deployment of {names}"),
        "it was deleted, never created, or the policy misspells it: what is accepted waits",
        (
            Remedy(f"kubectl -n {key.namespace} get deployments", "what there is instead"),
            Remedy(f"kubectl -n {key.namespace} apply -k manifests/workers", "create the workers"),
            Remedy(_patch(policies[0], '{"spec":{"workers":{"deployment":"NAME"}}}'), "or name the one that is meant"),
        ),
        keys(*policies),
    )


def _scaled_to_zero(workload: Workload, policies: list[ActionQueuePolicy]) -> Iterator[Finding]:
    """Zero is right where there is nothing to do and the operator brings the first worker when there is."""
    statuses = [policy.status for policy in policies if policy.status is not None]
    # What was dispatched just before waits too, at the broker.
    waiting = sum((status.queue_length or 0) + (status.active_count or 0) for status in statuses)
    modes = {policy.spec.workers.mode for policy in policies if policy.spec.workers is not None}
    if not waiting:
        return
    by_operator = modes == {ScalingMode.AUTO}
    yield Finding(
        "workers-scaled-to-zero",
        Severity.CRITICAL,
        f"Deployment {workload.key} is scaled to zero while {waiting} executions wait",
        (pods_line(workload), f"mode of its policies: {', '.join(sorted(modes))}", f"{waiting} executions wait"),
        "the operator is to scale it and has not done so: its status.scaling says why"
        if by_operator
        else f"somebody scaled it, and the mode {' and '.join(sorted(modes))} leaves it to them",
        (
            Remedy(f"{kubectl(workload)} scale deployment/{workload.key.name} --replicas=1", "start a worker"),
            Remedy(_patch(policies[0], '{"spec":{"workers":{"mode":"Auto"}}}'), "or let the operator scale it"),
        ),
        keys(*policies),
    )


def _pods(evidence: Evidence, workload: Workload, policies: list[ActionQueuePolicy]) -> Iterator[Finding]:
    fault = pod_fault(workload, evidence.now)
    if fault is None:
        return
    # While others are ready the queue moves on, slower.
    severity = Severity.WARNING if workload.ready else Severity.CRITICAL
    yield Finding(
        "workers-starting" if fault.starting else f"workers-{fault.kind}",
        Severity.NOTICE if fault.starting else severity,
        f"the workers of Deployment {workload.key} are starting"
        if fault.starting
        else f"Deployment {workload.key} {fault.what}",
        fault.evidence,
        "they were created within the last minute: look again" if fault.starting else fault.cause,
        () if fault.starting else fault.remedies,
        keys(*policies),
    )


def _patch(policy: ActionQueuePolicy, patch: str) -> str:
    return f"kubectl -n {policy.metadata.namespace} patch aqp {policy.metadata.name} --type merge -p '{patch}'"
