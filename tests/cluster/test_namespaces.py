"""One operator for several namespaces, or for all, with no more permissions than its manifests give it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from testbed.attune.api_gate import ApiGate
from testbed.attune.deployment import in_namespace
from testbed.attune.idle_workers import IDLE_WORKERS
from testbed.attune.operators import OperatorReplica, Operators, until
from testbed.cluster import Kubectl
from testbed.cluster.fixtures import fresh_namespace
from testbed.services.program import REPOSITORY

pytestmark = pytest.mark.usefixtures("policies_crd")

MANIFESTS = REPOSITORY / "manifests"
PERMISSIONS = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
CALLER = "attune-caller"


class Namespace:
    """One of the namespaces, as an administrator of it sees it; `home` is the operator's."""

    def __init__(self, kubectl: Kubectl, name: str, home: str) -> None:
        self._kubectl = kubectl
        self._home = home
        self.name = name

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        return self._kubectl.run("--namespace", self.name, *arguments, stdin=stdin)

    def serve(self) -> None:
        """Let the operator serve it, by the committed manifest."""
        binding = yaml.safe_load((MANIFESTS / "served-namespace/role-binding.yaml").read_text())
        binding["metadata"]["namespace"] = self.name
        binding["subjects"][0]["namespace"] = self._home
        self._kubectl.apply([binding])

    def admit_caller(self) -> None:
        """Let the test's caller submit to its policies, by the role for those."""
        account = f"--serviceaccount={self._home}:{CALLER}"
        self.run("create", "rolebinding", CALLER, "--clusterrole=attune:operator", account)

    def deploy_workers(self) -> None:
        self.run("apply", "--filename=-", stdin=json.dumps(IDLE_WORKERS))

    def workers(self) -> int:
        return int(self.run("get", "deployment", "workers", "--output=jsonpath={.spec.replicas}"))

    def limit(self, action_ref: str, concurrency: int, **spec: Any) -> None:
        manifest: dict[str, Any] = {
            "apiVersion": "attune.io/v1alpha1",
            "kind": "ActionQueuePolicy",
            "metadata": {"name": action_ref.rpartition(".")[2]},
            "spec": {"actionRef": action_ref, "concurrency": concurrency, **spec},
        }
        self.run("apply", "--filename=-", stdin=json.dumps(manifest))

    def ready(self, policy: str) -> tuple[str, str, str] | None:
        """Status, reason and message of the condition Ready."""
        conditions = json.loads(self.run("get", "aqp", policy, "--output=json")).get("status", {}).get("conditions", [])
        return next(((c["status"], c["reason"], c["message"]) for c in conditions if c["type"] == "Ready"), None)


@pytest.fixture
def home(kubectl: Kubectl, namespace: str) -> Iterator[Namespace]:
    """The operator's namespace, with the permissions of the base manifests."""
    rendered = yaml.safe_load_all(kubectl.run("kustomize", str(MANIFESTS / "base")))
    moved = [in_namespace(item, namespace) for item in rendered if item["kind"] in PERMISSIONS]
    kubectl.apply(moved)
    yield Namespace(kubectl, namespace, namespace)
    for item in moved:
        if item["kind"] == "ClusterRoleBinding":
            kubectl.run("delete", "clusterrolebinding", item["metadata"]["name"])


@pytest.fixture
def team_a(kubectl: Kubectl, home: Namespace) -> Iterator[Namespace]:
    with fresh_namespace(kubectl) as name:
        yield Namespace(kubectl, name, home.name)


@pytest.fixture
def team_b(kubectl: Kubectl, home: Namespace) -> Iterator[Namespace]:
    with fresh_namespace(kubectl) as name:
        yield Namespace(kubectl, name, home.name)


@pytest.fixture
def gate(kubectl: Kubectl, home: Namespace) -> Iterator[ApiGate]:
    """The way to the API server as the operator's own ServiceAccount."""
    token = home.run("create", "token", "attune-operator", "--duration=1h").strip()
    with ApiGate(kubectl, token) as gate:
        yield gate


def in_force(leader: OperatorReplica, action_ref: str, concurrency: int) -> bool:
    queue = leader.queue(action_ref)
    return queue is not None and queue["max_concurrent"] == concurrency


def test_the_namespaces_that_are_named_are_served_each_with_workers_of_its_own(
    home: Namespace, team_a: Namespace, team_b: Namespace, operators: Operators, gate: ApiGate
) -> None:
    team_a.serve()
    for served in (team_a, team_b):
        served.admit_caller()
    watched = json.dumps([home.name, team_a.name, team_b.name])
    operators.through(gate, watch__namespaces=watched, resync_seconds="2")
    for place in (home, team_a):
        place.deploy_workers()
    team_a.limit("core.sleep", 4, workers={"deployment": "workers", "minReplicas": 2, "maxReplicas": 3})
    team_b.limit("core.echo", 1)
    leader = operators.leader()

    # Its Deployment is scaled, and not that of the same name beside the operator.
    until(lambda: in_force(leader, "core.sleep", 4), 60, leader)
    until(lambda: team_a.workers() == 2, 60, leader)
    assert home.workers() == 1
    # Its workers run its executions.
    operators.worker(f"workers.{team_a.name}")
    assert leader.submit("core.sleep", count=3, seconds=0).status_code == 201
    until(lambda: leader.queue("core.sleep")["total_completed"] == 3, 60, leader)
    until(lambda: (team_a.ready("sleep") or [""])[0] == "True", 60, leader)

    # An action belongs to its oldest policy, wherever that is.
    home.limit("core.sleep", 9)
    conflict = until(lambda: r if (r := home.ready("sleep")) and r[1] == "Conflict" else None, 60, leader)
    assert f"{team_a.name}/sleep" in conflict[2]
    assert in_force(leader, "core.sleep", 4)

    # What the operator may not read holds up nobody, is told, and is served as soon as it may.
    assert leader.queue("core.echo") is None
    assert f"cannot list ActionQueuePolicies in namespace {team_b.name}: 403" in leader.log()
    team_b.serve()
    until(lambda: in_force(leader, "core.echo", 1), 60, leader)


def test_all_namespaces_are_served_in_cluster_mode(
    kubectl: Kubectl, home: Namespace, team_a: Namespace, operators: Operators, gate: ApiGate
) -> None:
    binding = yaml.safe_load((MANIFESTS / "components/cluster-mode/cluster-role-binding.yaml").read_text())
    binding = in_namespace(binding, home.name)
    kubectl.apply([binding])
    try:
        team_a.admit_caller()
        # Other tests have policies of their own on this cluster.
        gate.only_namespace = team_a.name
        operators.through(gate, watch__namespaces='["*"]')
        leader = operators.leader()
        team_a.limit("core.sleep", 4)
        until(lambda: in_force(leader, "core.sleep", 4), 60, leader)
        team_a.limit("core.sleep", 5)
        until(lambda: in_force(leader, "core.sleep", 5), 60, leader)
        until(lambda: (team_a.ready("sleep") or [""])[0] == "True", 60, leader)
        watched = {seen.path for seen in gate.seen if seen.watch}
        assert {"/apis/attune.io/v1alpha1/actionqueuepolicies", "/apis/apps/v1/deployments"} <= watched
    finally:
        kubectl.run("delete", "clusterrolebinding", binding["metadata"]["name"])
