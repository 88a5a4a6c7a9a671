"""The operator runs as its own ServiceAccount, uses every permission that the manifests give it, and has no other."""

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from attune_operator.cluster import DELETION_COST
from testbed.attune.api_gate import ApiGate, Seen
from testbed.attune.operators import OperatorReplica, Operators, until
from testbed.cluster import Kubectl, KubectlError

pytestmark = pytest.mark.usefixtures("policies_crd")

BASE = Path(__file__).resolve().parents[2] / "manifests" / "base"
OPERATOR = "attune-operator"
ENFORCED_SECONDS = 30.0
"""An admission policy takes a moment to be in force."""
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_DELEGATED = {("create", "authentication.k8s.io/tokenreviews"), ("create", "authorization.k8s.io/subjectaccessreviews")}
"""What the manifests' ClusterRoleBinding gives: Kubernetes' own role system:auth-delegator."""
_SELDOM = {("patch", "events.k8s.io/events")}
"""Needed when an equal Event comes again within minutes, which this life is too short for."""

Permission = tuple[str, str]
"""A verb, and a resource with its group and subresource."""


def used(seen: Seen) -> Permission | None:
    """The permission that a request needed; None for discovery, which needs none of one's own."""
    parts = seen.path.strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1] if len(parts) > 1 else "", parts[3:])
    if rest[:1] == ["namespaces"]:
        rest = rest[2:]
    if not rest:
        return None
    resource = "/".join([rest[0], *rest[2:]])
    verb = _VERBS.get(seen.method) or ("get" if len(rest) > 1 else "watch" if seen.watch else "list")
    return verb, f"{group}/{resource}"


def needed(gate: ApiGate) -> set[Permission]:
    return {permission for seen in list(gate.seen) if (permission := used(seen)) is not None}


def permitted(rules: Sequence[dict[str, Any]]) -> set[Permission]:
    return {
        (verb, f"{group}/{resource}")
        for rule in rules
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


@dataclass(frozen=True)
class Installed:
    """The base manifests' permissions in a namespace of the test's own."""

    namespace: str
    pod: str
    token: str
    rules: list[dict[str, Any]]


def pod(namespace: str, name: str) -> dict[str, Any]:
    """One that runs nowhere: it is what the operator believes to be its own."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "serviceAccountName": OPERATOR,
            "nodeSelector": {"attune.io/no-such-node": "true"},
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "none", "image": "none", "securityContext": security}],
        },
    }


@pytest.fixture
def installed(kubectl: Kubectl, namespace: str) -> Iterator[Installed]:
    """Role, ServiceAccount and admission policy; what belongs to no namespace has a name of this test's own."""
    suffix = secrets.token_hex(3)
    rendered = list(yaml.safe_load_all(kubectl.run("kustomize", str(BASE))))
    rights = [item for item in rendered if item["kind"] in {"ServiceAccount", "Role", "RoleBinding"}]
    roles = [item for item in rendered if item["kind"] == "ClusterRole" and OPERATOR in item["metadata"]["name"]]
    cluster = [
        item
        for item in rendered
        if item["kind"] in {"ClusterRoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    ]
    for item in [*roles, *cluster]:
        item["metadata"]["name"] += f"-{suffix}"
    for item in [*rights, *cluster]:
        item["metadata"].pop("namespace", None)
        for subject in item.get("subjects", ()):
            subject["namespace"] = namespace
        if item.get("roleRef", {}).get("kind") == "ClusterRole" and item["kind"] == "RoleBinding":
            item["roleRef"]["name"] += f"-{suffix}"
        if item["kind"] == "ValidatingAdmissionPolicyBinding":
            item["spec"]["policyName"] += f"-{suffix}"
        if item["kind"] in {"ServiceAccount", "Role", "RoleBinding"}:
            item["metadata"]["namespace"] = namespace
    kubectl.apply([*roles, *rights, *cluster])
    kubectl.apply([pod(namespace, "own"), pod(namespace, "another")])
    bound = ("--bound-object-kind=Pod", "--bound-object-name=own")
    token = kubectl.run("create", "token", OPERATOR, f"--namespace={namespace}", *bound).strip()
    rules = [rule for item in [*roles, *rights] for rule in item.get("rules", ())]
    yield Installed(namespace, "own", token, rules)
    for item in [*roles, *cluster]:
        kubectl.run("delete", item["kind"].lower(), item["metadata"]["name"])


DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "workers"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "workers"}},
        "template": {"metadata": {"labels": {"app": "workers"}}, "spec": pod("", "")["spec"]},
    },
}


def live_a_life(kubectl: Kubectl, namespace: str, leader: OperatorReplica) -> None:
    """A policy comes, work waits, workers are scaled up, its status says so, an emergency comes and goes."""
    deployment = {**DEPLOYMENT, "metadata": {"name": "workers", "namespace": namespace}}
    workers = {"deployment": "workers", "minReplicas": 2, "maxReplicas": 4}
    policy = {
        "apiVersion": "attune.io/v1alpha1",
        "kind": "ActionQueuePolicy",
        "metadata": {"name": "sleep", "namespace": namespace},
        "spec": {"actionRef": "core.sleep", "concurrency": 5, "workers": workers},
    }
    kubectl.apply([deployment])
    kubectl.run("apply", "--filename=-", stdin=json.dumps(policy))
    here = f"--namespace={namespace}"
    until(lambda: leader.queue("core.sleep"), 60, leader)
    assert leader.submit("core.sleep").status_code == 201

    def scaled() -> bool:
        replicas = kubectl.run("get", "deployment", "workers", here, "--output=jsonpath={.spec.replicas}")
        waiting = kubectl.run("get", "aqp", "sleep", here, "--output=jsonpath={.status.queueLength}")
        return int(replicas) > 1 and waiting == "1"

    until(scaled, 60, leader)

    for emergency in (True, False):
        config = {
            "apiVersion": "attune.io/v1alpha1",
            "kind": "ExecutorConfig",
            "metadata": {"name": "executor", "namespace": namespace},
            "spec": {"emergencyMode": emergency},
        }
        kubectl.run("apply", "--filename=-", stdin=json.dumps(config))
        condition = f"--for=condition=EmergencyMode={emergency}"
        kubectl.run("wait", "aec", "executor", here, condition, "--timeout=60s")
    kubectl.run("delete", "aqp", "sleep", here)


def test_the_operator_needs_what_it_may_do_and_does_nothing_else(
    tmp_path: Path, kubectl: Kubectl, installed: Installed, migrated_url: str, amqp_url: str
) -> None:
    namespace = installed.namespace
    with (
        ApiGate(kubectl, installed.token) as gate,
        Operators(tmp_path, kubectl, namespace, migrated_url, amqp_url) as operators,
    ):
        operators.through(gate, pod_name=installed.pod)
        leader = operators.leader()
        live_a_life(kubectl, namespace, leader)
        wanted = permitted(installed.rules) | _DELEGATED
        until(lambda: wanted <= needed(gate) | _SELDOM, 60, leader)
        assert leader.stop() == 0
        forbidden = {(seen.method, seen.path) for seen in gate.seen if seen.status in {401, 403}}
    assert forbidden == set()
    assert needed(gate) | _SELDOM == wanted


def account(kubectl: Kubectl, folder: Path, name: str, token: str) -> Kubectl:
    """Kubectl as whoever has the token."""
    printed = kubectl.run("config", "view", "--minify", "--raw", "--flatten", "--output=json")
    config: dict[str, Any] = json.loads(printed)
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    file = folder / name
    file.write_text(json.dumps(config))
    return Kubectl(kubectl.program, file)


def refusal(as_account: Kubectl, namespace: str, name: str, patch: dict[str, Any]) -> str:
    """Why the pod may not be patched; empty where it may."""
    try:
        as_account.run("patch", "pod", name, f"--namespace={namespace}", "--type=merge", "--patch", json.dumps(patch))
    except KubectlError as error:
        return str(error)
    return ""


def labelled(key: str, value: str | None) -> dict[str, Any]:
    return {"metadata": {"labels": {key: value}}}


def annotated(key: str, value: str | None) -> dict[str, Any]:
    return {"metadata": {"annotations": {key: value}}}


def test_of_all_pods_the_operator_changes_one_label_of_its_own_and_says_what_they_are_worth(
    tmp_path: Path, kubectl: Kubectl, installed: Installed
) -> None:
    namespace = installed.namespace
    # `kubectl patch` reads the pod first, which the operator neither does nor may.
    reading = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": [reading]}
    kubectl.apply([{**role, "metadata": {"name": "reading", "namespace": namespace}}])
    subject = f"--serviceaccount={namespace}:{OPERATOR}"
    kubectl.run("create", "rolebinding", "reading", "--role=reading", subject, f"--namespace={namespace}")
    own = account(kubectl, tmp_path, "own", installed.token)
    unbound_token = kubectl.run("create", "token", OPERATOR, f"--namespace={namespace}").strip()
    unbound = account(kubectl, tmp_path, "unbound", unbound_token)

    deadline = time.monotonic() + ENFORCED_SECONDS
    while "its own pod only" not in refusal(own, namespace, "another", labelled("attune.io/role", "leader")):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert refusal(own, namespace, "own", labelled("attune.io/role", "leader")) == ""
    assert refusal(own, namespace, "own", labelled("attune.io/role", None)) == ""
    assert "the label attune.io/role only" in refusal(own, namespace, "own", labelled("app", "postgres"))
    assert "the label attune.io/role only" in refusal(own, namespace, "own", labelled("app", None))
    deadline_changed = {"spec": {"activeDeadlineSeconds": 600}}
    assert "not change what a pod runs" in refusal(own, namespace, "own", deadline_changed)
    for cost in ("3", None):
        assert refusal(own, namespace, "another", annotated(DELETION_COST, cost)) == ""
    assert "pod-deletion-cost only" in refusal(own, namespace, "another", annotated("app", "changed"))
    assert "its own pod only" in refusal(unbound, namespace, "own", labelled("attune.io/role", "leader"))
    # Everybody else is left alone.
    assert refusal(kubectl, namespace, "another", labelled("app", "changed")) == ""
