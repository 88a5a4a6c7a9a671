"""The policies themselves: there, in force, open, and with workers that know the action."""

from collections.abc import Iterator

from attune_executor.domain.admission import Closure
from attune_executor.domain.policy import Admission
from attune_operator.ctl.doctor.conditions import message, reported
from attune_operator.ctl.doctor.evidence import Evidence
from attune_operator.ctl.doctor.finding import Finding, Remedy, Severity, keys
from attune_operator.ctl.resources import IN_FORCE_SECONDS
from attune_operator.resources import ActionQueuePolicy, ConditionStatus, ConditionType
from attune_operator.status.conditions import CONFLICT


def there_is_a_policy(evidence: Evidence) -> Iterator[Finding]:
    """Something may be submitted at all."""
    if evidence.policies is not None and not evidence.policies and not _hidden(evidence):
        yield Finding(
            "no-policy",
            Severity.WARNING,
            "there is no ActionQueuePolicy",
            ("no policy in the namespaces that were asked about",),
            "every submission is refused as an unknown action",
            (
                Remedy("kubectl get actionqueuepolicies -A", "whether they are in another namespace, for -n or -A"),
                Remedy("kubectl apply -f manifests/examples", "begin with an example"),
            ),
        )


def policies_in_force(evidence: Evidence) -> Iterator[Finding]:
    """The executor enforces what each policy says."""
    for policy in evidence.known_policies:
        ready = reported(policy, ConditionType.READY)
        conflict = ready is not None and ready.reason == CONFLICT
        if ready is None or ready.status is not ConditionStatus.FALSE:
            continue
        if not conflict and (evidence.now - ready.last_transition_time).total_seconds() < IN_FORCE_SECONDS:
            # It is just being taken over.
            continue
        yield Finding(
            "policy-not-in-force",
            Severity.CRITICAL,
            f"policy {policy.metadata.key} is not in force",
            (message(policy, ConditionType.READY),),
            "another policy, the older one, rules the same action"
            if conflict
            else "the executor does not take it over",
            (
                (
                    Remedy(
                        f"kubectl -n {policy.metadata.namespace} delete aqp {policy.metadata.name}",
                        "keep the older one",
                    ),
                    Remedy("kubectl get actionqueuepolicies -A", "or find the other one, and delete that"),
                )
                if conflict
                else (
                    Remedy(
                        f"kubectl -n {evidence.operator_namespace} logs -l attune.io/role=leader --tail=100",
                        "why it is not taken over",
                    ),
                )
            ),
            keys(policy),
        )


def actions_are_open(evidence: Evidence) -> Iterator[Finding]:
    """Nobody has closed an action; who has paused one is told as a notice."""
    for policy in evidence.known_policies:
        standing = evidence.executor.standing(policy.spec.action_ref) if evidence.executor else None
        closed = None if standing is None else standing.closed_by
        if closed is Closure.DISABLED:
            yield _disabled(policy)
        elif policy.spec.admission is Admission.CLOSED:
            yield _closed(policy)
        elif policy.spec.admission is Admission.HOLD:
            yield _paused(policy)


def workers_have_the_code(evidence: Evidence) -> Iterator[Finding]:
    """No execution failed of late because its worker does not know the action."""
    for policy in evidence.known_policies:
        found = evidence.unknown_actions.get(policy.spec.action_ref)
        if found is None:
            continue
        workers = policy.spec.workers
        namespace = policy.metadata.namespace
        deployment = f"deployment/{workers.deployment}" if workers else "deployments"
        yield Finding(
            "action-without-code",
            Severity.CRITICAL,
            f"workers have no code for {policy.spec.action_ref}: its executions fail",
            (f"execution {found.execution_id} on worker {found.worker}: {found.error}",),
            "the package that provides the action is not in the workers' image, or the policy names the wrong workers",
            (
                Remedy(f"attune get {found.execution_id}", "the failure in full"),
                Remedy(f"kubectl -n {namespace} get {deployment} -o wide", "the image that the package has to be in"),
            ),
            keys(policy),
        )


def _disabled(policy: ActionQueuePolicy) -> Finding:
    ref = policy.spec.action_ref
    # The name of an action has letters, digits, dots, dashes and underscores alone.
    statement = f"UPDATE attune.action SET enabled = true WHERE ref = '{ref}'"  # noqa: S608 - printed, not run
    return Finding(
        "action-disabled",
        Severity.WARNING,
        f"{ref} is disabled in the database: new executions are refused",
        (f"attune.action: enabled is false for {ref}",),
        "somebody ran the runbook's UPDATE attune.action SET enabled = false and did not undo it",
        (
            Remedy(
                f'psql -U attune -d attune -c "{statement}"',
                "enable it again; it counts within seconds",
            ),
        ),
        keys(policy),
    )


def _closed(policy: ActionQueuePolicy) -> Finding:
    metadata = policy.metadata
    return Finding(
        "action-closed",
        Severity.WARNING,
        f"{policy.spec.action_ref} is closed: new executions are refused",
        (f"policy {metadata.key}: admission Closed", message(policy, ConditionType.READY)),
        "its policy's admission is Closed; what waits drains",
        (
            Remedy(
                f"kubectl -n {metadata.namespace} patch aqp {metadata.name} --type merge"
                ' -p \'{"spec":{"admission":"Open"}}\'',
                "open it again, if that is over",
            ),
        ),
        keys(policy),
    )


def _paused(policy: ActionQueuePolicy) -> Finding:
    waiting = (policy.status.queue_length or 0) if policy.status else 0
    return Finding(
        "paused",
        Severity.NOTICE,
        f"{policy.spec.action_ref} is paused: {waiting} wait, and none starts",
        (f"policy {policy.metadata.key}: admission Hold",),
        "somebody paused it",
        (Remedy(f"attune resume {policy.metadata.name} -n {policy.metadata.namespace}", "start executions again"),),
        keys(policy),
    )


def _hidden(evidence: Evidence) -> bool:
    return any("actionqueuepolicies" in each.rule for each in evidence.unread)
