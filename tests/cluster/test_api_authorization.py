"""Who may call the API in a cluster: real ServiceAccounts and Roles, judged by a real API server."""

import json
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from testbed.attune.callers import bearer, caller_token
from testbed.attune.operators import OperatorReplica, Operators, until
from testbed.cluster import Kubectl

pytestmark = pytest.mark.usefixtures("policies_crd")

USER_ROLES = Path(__file__).resolve().parents[2] / "manifests" / "base" / "user-roles.yaml"
EXECUTIONS = "actionqueuepolicies/executions"
FORGOTTEN_SECONDS = 20.0
"""Longer than the operator keeps an answer."""


def rule(verbs: Sequence[str], *names: str) -> dict[str, Any]:
    return {"apiGroups": ["attune.io"], "resources": [EXECUTIONS], "verbs": list(verbs), "resourceNames": list(names)}


def apply_policy(kubectl: Kubectl, namespace: str, name: str, action_ref: str) -> None:
    manifest = {
        "apiVersion": "attune.io/v1alpha1",
        "kind": "ActionQueuePolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"actionRef": action_ref, "concurrency": 1},
    }
    kubectl.run("apply", "--filename=-", stdin=json.dumps(manifest))


@pytest.fixture
def leader(
    tmp_path: Path, kubectl: Kubectl, namespace: str, migrated_url: str, amqp_url: str
) -> Iterator[OperatorReplica]:
    """A leader that serves two actions, by the policies `sleep` and `echo`."""
    with Operators(tmp_path, kubectl, namespace, migrated_url, amqp_url) as operators:
        apply_policy(kubectl, namespace, "sleep", "core.sleep")
        apply_policy(kubectl, namespace, "echo", "core.echo")
        leader = operators.leader()
        until(lambda: leader.queue("core.sleep") and leader.queue("core.echo"), 20, leader)
        yield leader


class Account:
    """A ServiceAccount's view of the API."""

    def __init__(self, leader: OperatorReplica, token: str) -> None:
        self._url = leader.url
        self._headers = bearer(token)

    def submit(self, *refs: str) -> int:
        body = {"executions": [{"action_ref": ref} for ref in refs]}
        return self._ask("POST", "/api/v1/executions", body)

    def get(self, path: str) -> int:
        return self._ask("GET", path)

    def cancel(self, execution_id: int) -> int:
        return self._ask("POST", f"/api/v1/executions/{execution_id}/cancel")

    def _ask(self, method: str, path: str, body: object = None) -> int:
        return httpx.request(method, self._url + path, json=body, headers=self._headers, timeout=20).status_code


def test_an_account_submits_to_the_action_that_its_role_names_and_to_no_other(
    kubectl: Kubectl, namespace: str, leader: OperatorReplica
) -> None:
    token = caller_token(kubectl, namespace, "submitter", [rule(["create", "get"], "sleep")])
    submitter = Account(leader, token)

    # The API server learns of a role a moment later, and what it answered is kept for a while.
    until(lambda: submitter.submit("core.sleep") == 201, FORGOTTEN_SECONDS, leader)
    assert submitter.submit("core.echo") == 403
    assert submitter.submit("core.sleep", "core.echo") == 403
    assert submitter.submit("no.such.action") == 403
    assert submitter.get("/api/v1/executions/1") == 200
    assert submitter.get("/api/v1/actions/core.sleep/queue-stats") == 200
    assert submitter.get("/api/v1/actions/core.echo/queue-stats") == 403
    assert submitter.get("/api/v1/queues") == 403
    assert submitter.get("/api/v1/executions?action_ref=core.sleep") == 403
    assert submitter.cancel(1) == 403
    assert submitter.get("/metrics") == 403

    body = {"action_ref": "core.sleep"}
    for headers in ({}, bearer("nobody-has-this"), bearer(f"{token[:-4]}AAAA")):
        answer = httpx.post(f"{leader.url}/api/v1/executions", json=body, headers=headers, timeout=20)
        assert answer.status_code == 401, answer.text
    assert httpx.get(f"{leader.url}/readyz", timeout=20).status_code == 200

    log = leader.log()
    assert "request forbidden" in log
    # A token has three parts; the last one is what makes it valid.
    assert token.rpartition(".")[2] not in log
    assert "nobody-has-this" not in log


def test_what_is_taken_away_counts_no_more_within_seconds(
    kubectl: Kubectl, namespace: str, leader: OperatorReplica
) -> None:
    account = Account(leader, caller_token(kubectl, namespace, "ci", [rule(["create", "delete"], "sleep")]))
    until(lambda: account.submit("core.sleep") == 201, FORGOTTEN_SECONDS, leader)
    assert account.cancel(1) == 202
    kubectl.run("delete", "rolebinding", "ci", f"--namespace={namespace}")
    until(lambda: account.submit("core.sleep") == 403, FORGOTTEN_SECONDS, leader)
    kubectl.run("delete", "serviceaccount", "ci", f"--namespace={namespace}")
    until(lambda: account.submit("core.sleep") == 401, FORGOTTEN_SECONDS, leader)


@pytest.fixture
def roles(kubectl: Kubectl) -> Iterator[dict[str, str]]:
    """The ClusterRoles for users under names of this test's own, by their names in the manifest."""
    suffix = secrets.token_hex(3)
    manifests = list(yaml.safe_load_all(USER_ROLES.read_text(encoding="utf-8")))
    names = {manifest["metadata"]["name"]: f"{manifest['metadata']['name']}-{suffix}" for manifest in manifests}
    for manifest in manifests:
        manifest["metadata"]["name"] = names[manifest["metadata"]["name"]]
    kubectl.apply(manifests)
    yield names
    kubectl.run("delete", "clusterrole", *names.values())


def bound(kubectl: Kubectl, namespace: str, name: str, role: str) -> str:
    """A ServiceAccount with a ClusterRole in its namespace; returns its token."""
    token = caller_token(kubectl, namespace, name, [])
    account = f"--serviceaccount={namespace}:{name}"
    kubectl.run("create", "rolebinding", f"{name}-role", f"--clusterrole={role}", account, f"--namespace={namespace}")
    return token


def newest(leader: OperatorReplica) -> int:
    """An execution that waits or is under way: there is no worker."""
    answer = leader.submit("core.echo")
    return answer.json()["data"]["id"]


# What each role may do: submit, look at one, look at all, read the metrics, cancel, change the policy.
MAY = {
    "attune:viewer": (403, 200, 200, 200, 403, "no"),
    "attune:submitter": (201, 200, 200, 200, 403, "no"),
    "attune:operator": (201, 200, 200, 200, 202, "yes"),
    "view": (403, 200, 200, 200, 403, "no"),
    "edit": (201, 200, 200, 200, 403, "no"),
    "admin": (201, 200, 200, 200, 202, "yes"),
}


def test_the_roles_for_users_and_kubernetes_own_that_they_add_to(
    kubectl: Kubectl, namespace: str, leader: OperatorReplica, roles: dict[str, str]
) -> None:
    assert leader.submit("core.echo").status_code == 201
    seen: dict[str, tuple[int, int, int, int, int, str]] = {}
    for role in MAY:
        name = role.replace(":", "-")
        account = Account(leader, bound(kubectl, namespace, name, roles.get(role, role)))
        until(lambda account=account: account.get("/api/v1/queues") == 200, FORGOTTEN_SECONDS, leader)
        subject = f"--as=system:serviceaccount:{namespace}:{name}"
        may_patch = kubectl.command("auth", "can-i", "patch", "actionqueuepolicies", subject, "-n", namespace)
        # It says no by its exit code too.
        patch = subprocess.run(may_patch, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
        seen[role] = (
            account.submit("core.sleep"),
            account.get("/api/v1/executions/1"),
            account.get("/api/v1/executions"),
            account.get("/metrics"),
            account.cancel(newest(leader)),
            patch,
        )
    assert seen == MAY


def test_prometheus_reads_the_metrics_with_its_usual_permission(
    kubectl: Kubectl, namespace: str, leader: OperatorReplica, roles: dict[str, str]
) -> None:
    prometheus = Account(leader, caller_token(kubectl, namespace, "prometheus", []))
    assert prometheus.get("/metrics") == 403
    binding = roles["attune:metrics-reader"]
    account = f"--serviceaccount={namespace}:prometheus"
    kubectl.run("create", "clusterrolebinding", binding, f"--clusterrole={binding}", account)
    try:
        until(lambda: prometheus.get("/metrics") == 200, FORGOTTEN_SECONDS, leader)
    finally:
        kubectl.run("delete", "clusterrolebinding", binding)
    assert prometheus.get("/api/v1/queues") == 403
