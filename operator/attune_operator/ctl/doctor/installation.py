"""Whether Attune is there at all, and whether anybody leads: what everything else needs."""

from collections.abc import Iterator

from attune_operator.ctl.doctor.deployments import pod_fault
from attune_operator.ctl.doctor.evidence import Evidence, Workload
from attune_operator.ctl.doctor.finding import Finding, Remedy, Severity
from attune_operator.ctl.doctor.pod_fault import kubectl, pods_line
from attune_operator.ctl.leadership import leadership_problem
from attune_operator.lease import LEASE_NAME
from attune_operator.resources.policy import GROUP, PLURAL


def kind_known(evidence: Evidence) -> Iterator[Finding]:
    """The cluster has the CustomResourceDefinitions."""
    if evidence.policies is None:
        yield Finding(
            "crd-missing",
            Severity.CRITICAL,
            "the cluster does not know ActionQueuePolicies",
            (f"there is no CustomResourceDefinition {PLURAL}.{GROUP}",),
            "Attune was never installed here, or its CRDs were deleted, and all policies with them",
            (
                Remedy("kubectl config current-context", "whether this is the cluster that is meant"),
                Remedy("kubectl apply --server-side -k crds", "install the CRDs, then apply the policies again"),
            ),
        )


def operator_there(evidence: Evidence) -> Iterator[Finding]:
    """The operator's Deployment has pods that work."""
    operator = evidence.operator
    if operator is None:
        return
    if not operator.exists:
        yield Finding(
            "operator-missing",
            Severity.CRITICAL,
            f"there is no operator in namespace {evidence.operator_namespace}",
            (f"there is no Deployment {operator.key}",),
            "it was never installed in this namespace, or deleted: no queue moves without it",
            (
                Remedy(
                    "kubectl get deployments -A -l app.kubernetes.io/name=attune-operator",
                    "where it is, for --operator-namespace",
                ),
                Remedy("kubectl apply -k manifests/base", "install it; the queues are in the database and go on"),
            ),
        )
    elif operator.replicas == 0:
        yield Finding(
            "operator-scaled-to-zero",
            Severity.CRITICAL,
            f"the operator is scaled to zero: Deployment {operator.key}",
            (pods_line(operator),),
            "somebody set its replicas to 0: nothing is accepted, started or scaled until it is back",
            (Remedy(f"{kubectl(operator)} scale deployment/{operator.key.name} --replicas=2", "start it"),),
        )
    else:
        yield from _pods(operator, evidence)


def _pods(operator: Workload, evidence: Evidence) -> Iterator[Finding]:
    fault = pod_fault(operator, evidence.now)
    # A replica that is not ready leads and cannot serve yet, which is told of below, or is just starting.
    if fault is not None and fault.kind not in {"hung", "not-ready"}:
        yield Finding(
            f"operator-{fault.kind}",
            # While another replica is ready it is a roll-out that does not come to its end.
            Severity.WARNING if operator.ready else Severity.CRITICAL,
            f"the operator {fault.what}",
            fault.evidence,
            fault.cause,
            fault.remedies,
        )


def somebody_leads(evidence: Evidence) -> Iterator[Finding]:
    """A replica holds the Lease."""
    if not evidence.lease_read:
        return
    namespace = evidence.operator_namespace
    problem = "no operator has ever led" if evidence.lease is None else leadership_problem(evidence.lease, evidence.now)
    if problem is not None:
        yield Finding(
            "no-leader",
            Severity.CRITICAL,
            f"no operator leads in namespace {namespace}",
            (f"Lease {namespace}/{LEASE_NAME}: {problem}",),
            "no replica has got the Lease: it cannot write it, or none runs. Nothing moves, and figures are old",
            (
                Remedy(f"kubectl -n {namespace} get pods -l app.kubernetes.io/name=attune-operator", "its replicas"),
                Remedy(
                    f"kubectl -n {namespace} logs deployment/attune-operator --tail=100",
                    "why it does not lead: a Lease that may not be written is a missing RBAC rule",
                ),
                Remedy(f"kubectl -n {namespace} rollout restart deployment/attune-operator", "start anew"),
            ),
        )


def executor_answers(evidence: Evidence) -> Iterator[Finding]:
    """Who leads also serves."""
    if evidence.unreached is None:
        return
    namespace = evidence.operator_namespace
    log = [f"log: {line}" for pod in (evidence.operator.pods if evidence.operator else ()) for line in pod.log]
    yield Finding(
        "executor-unreachable",
        Severity.CRITICAL,
        "the executor does not answer",
        (evidence.unreached, *log),
        "the leader is starting, or waits for its database or its broker; its last lines say which",
        (
            Remedy(
                f"kubectl -n {namespace} logs -l app.kubernetes.io/name=attune-operator --tail=50", "what it waits for"
            ),
            Remedy(f"kubectl -n {namespace} rollout restart deployment/attune-operator", "if it says nothing any more"),
        ),
    )
