"""The base manifests are accepted under the restricted standard, and give the operator what it needs and no more."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.attune.deployment import CLUSTER_SCOPED
from testbed.cluster import Kubectl, KubectlError

pytestmark = pytest.mark.usefixtures("policies_crd")

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"


@pytest.fixture(scope="module")
def base(kubectl: Kubectl) -> list[dict[str, Any]]:
    rendered = "---\n".join(kubectl.run("kustomize", str(MANIFESTS / part)) for part in ("base", "workers"))
    return [manifest for manifest in yaml.safe_load_all(rendered) if manifest["kind"] not in CLUSTER_SCOPED]


def moved(manifest: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The manifest in another namespace, the subjects of its role binding too."""
    text = json.dumps(manifest).replace('"namespace": "attune-system"', f'"namespace": "{namespace}"')
    return json.loads(text)


def may(kubectl: Kubectl, namespace: str, account: str, *question: str) -> bool:
    subject = f"--as=system:serviceaccount:{namespace}:{account}"
    try:
        return kubectl.run("auth", "can-i", *question, subject, "--namespace", namespace).strip() == "yes"
    except KubectlError:  # it says no by its exit code
        return False


def of_group(kubectl: Kubectl, namespace: str, *question: str) -> bool:
    """Whether somebody of the group attune-sre may do that."""
    person = ("--as=ann", "--as-group=attune-sre", "--as-group=system:authenticated")
    try:
        return kubectl.run("auth", "can-i", *question, *person, "--namespace", namespace).strip() == "yes"
    except KubectlError:  # it says no by its exit code
        return False


def test_every_manifest_is_accepted_without_a_warning(
    kubectl: Kubectl, namespace: str, base: list[dict[str, Any]]
) -> None:
    kubectl.run("label", "namespace", namespace, "pod-security.kubernetes.io/warn=restricted")
    for manifest in base:
        kubectl.run(
            "apply",
            "--filename=-",
            "--dry-run=server",
            "--warnings-as-errors",
            stdin=json.dumps(moved(manifest, namespace)),
        )


@pytest.mark.parametrize("example", sorted((MANIFESTS / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_accepted(kubectl: Kubectl, namespace: str, example: Path) -> None:
    policy = yaml.safe_load(example.read_text(encoding="utf-8"))

    kubectl.run("apply", "--filename=-", "--warnings-as-errors", stdin=json.dumps(moved(policy, namespace)))


def test_the_workers_manifest_leaves_their_number_to_the_operator(base: list[dict[str, Any]]) -> None:
    (workers,) = [
        manifest
        for manifest in base
        if manifest["kind"] == "Deployment" and manifest["metadata"]["name"] == "attune-worker"
    ]

    assert "replicas" not in workers["spec"]


def test_the_operator_may_do_what_it_does_and_no_more(
    kubectl: Kubectl, namespace: str, base: list[dict[str, Any]]
) -> None:
    for manifest in base:
        if manifest["kind"] in {"ServiceAccount", "Role", "RoleBinding"}:
            kubectl.run("apply", "--filename=-", stdin=json.dumps(moved(manifest, namespace)))

    allowed = [
        ("watch", "actionqueuepolicies"),
        ("patch", "actionqueuepolicies", "--subresource=status"),
        ("watch", "deployments"),
        ("patch", "deployments", "--subresource=scale"),
        ("create", "leases"),
        ("update", "leases/attune-operator"),
        ("patch", "pods"),
        ("list", "horizontalpodautoscalers.autoscaling"),
        ("get", "executorconfigs/executor"),
        ("patch", "executorconfigs/executor", "--subresource=status"),
        ("create", "events.events.k8s.io"),
        ("patch", "events.events.k8s.io"),
    ]
    refused = [
        ("patch", "actionqueuepolicies"),
        ("delete", "actionqueuepolicies"),
        ("patch", "deployments"),
        ("update", "leases/another"),
        ("patch", "executorconfigs/executor"),
        ("get", "executorconfigs/another"),
        ("delete", "events.events.k8s.io"),
        ("delete", "pods"),
        ("list", "pods"),
        ("patch", "horizontalpodautoscalers.autoscaling"),
        ("create", "pods"),
        ("get", "secrets"),
        ("list", "actionqueuepolicies", "--all-namespaces"),
    ]
    operator = [(question, may(kubectl, namespace, "attune-operator", *question)) for question in allowed + refused]
    assert operator == [(question, True) for question in allowed] + [(question, False) for question in refused]
    assert not may(kubectl, namespace, "attune-worker", "get", "actionqueuepolicies")


def test_people_may_do_what_the_command_line_does_and_no_more(kubectl: Kubectl, namespace: str) -> None:
    roles, people = (
        list(yaml.safe_load_all((MANIFESTS / part).read_text(encoding="utf-8")))
        for part in ("base/user-roles.yaml", "components/people/people.yaml")
    )
    # The cluster's ClusterRoles may be another release's: these have names of the test's own, and add to no other role.
    names = {role["metadata"]["name"]: f"{role['metadata']['name']}-{namespace}" for role in roles}
    for role in roles:
        role["metadata"] = {"name": names[role["metadata"]["name"]]}
    for item in people:
        if "roleRef" in item:
            item["roleRef"]["name"] = names.get(item["roleRef"]["name"], item["roleRef"]["name"])
    kubectl.apply([*roles, *(moved(item, namespace) for item in people)])
    allowed = [
        ("patch", "actionqueuepolicies"),
        ("create", "executorconfigs"),
        ("delete", "executorconfigs"),
        ("get", "leases.coordination.k8s.io/attune-operator"),
        ("get", "services/attune-executor"),
        ("list", "pods"),
        ("list", "events"),
        ("list", "replicasets.apps"),
        ("list", "resourcequotas"),
        ("get", "pods", "--subresource=log"),
        ("create", "pods", "--subresource=portforward"),
        ("create", "serviceaccounts/sre", "--subresource=token"),
    ]
    refused = [
        ("get", "secrets"),
        ("create", "pods", "--subresource=exec"),
        ("delete", "pods"),
        ("create", "serviceaccounts/attune-operator", "--subresource=token"),
        ("get", "leases.coordination.k8s.io/another"),
        ("patch", "leases.coordination.k8s.io/attune-operator"),
        ("patch", "deployments.apps"),
        ("list", "nodes"),
    ]
    try:
        granted = [(question, of_group(kubectl, namespace, *question)) for question in allowed + refused]
        assert granted == [(question, True) for question in allowed] + [(question, False) for question in refused]
        # The account that they call the executor as submits and cancels, and does not reach pods.
        assert may(kubectl, namespace, "sre", "delete", "actionqueuepolicies", "--subresource=executions")
        assert not may(kubectl, namespace, "sre", "list", "pods")
    finally:
        kubectl.run("delete", "clusterrole", *names.values())
