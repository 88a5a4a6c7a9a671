"""Uninstalling the operator stops nothing that runs, and installing it again goes on from there."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
import yaml

from testbed.attune.client import Caller, Wanted
from testbed.attune.cluster_view import OPERATOR, WORKERS, ClusterView
from testbed.attune.deployment import CLUSTER_SCOPED, in_namespace, rolled_out_on_change
from testbed.attune.fixtures import deployed
from testbed.attune.port_forward import PortForward
from testbed.cluster.provider import Provider
from testbed.helm import CHART, Helm, find_helm
from testbed.images.catalog import OPERATOR as OPERATOR_IMAGE
from testbed.services.program import REPOSITORY

pytestmark = pytest.mark.timeout(1800)

ACTION = "core.sleep"
RUNNING = 10
RELEASE = "attune"
NAMESPACE = "attune-install-test"


@pytest.fixture(scope="module")
def helm() -> Helm:
    return find_helm()


@pytest.fixture(scope="module")
def attune(cluster: Provider) -> Iterator[ClusterView]:
    """The development overlay in a namespace of its own, since its operator comes and goes."""
    yield from deployed(cluster, NAMESPACE)


@pytest.fixture(scope="module")
def forward(attune: ClusterView) -> Iterator[PortForward]:
    with PortForward(attune.kubectl, attune.namespace, "service/attune-executor", 8080) as forward:
        yield forward


class Installation:
    """The operator in the test's namespace, beside services and workers that stay."""

    def __init__(self, view: ClusterView, helm: Helm) -> None:
        self.view = view
        self._helm = helm

    def base(self) -> list[dict[str, Any]]:
        """What `manifests/base` installs, but for what the cluster's other users share."""
        rendered = [
            item
            for item in yaml.safe_load_all(self.view.kubectl.run("kustomize", str(REPOSITORY / "manifests/base")))
            if item["kind"] not in CLUSTER_SCOPED
        ]
        return [in_namespace(item, self.view.namespace) for item in rolled_out_on_change(rendered)]

    def delete_base(self) -> None:
        self.view.run("delete", "--filename=-", "--wait=true", stdin=yaml.safe_dump_all(self.base()), timeout=180)

    def apply_base(self) -> None:
        self.view.run("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all(self.base()))
        self.wait()

    def helm_install(self) -> None:
        repository, tag = OPERATOR_IMAGE.reference.split(":")
        values = {"image": {"repository": repository, "tag": tag}, "clusterScoped": {"create": False}}
        self.helm("install", RELEASE, str(CHART), "--values=-", "--wait", "--timeout=180s", values=values)

    def helm(self, *arguments: str, values: dict[str, Any] | None = None) -> str:
        namespace = f"--namespace={self.view.namespace}"
        return self._helm.on_cluster(self.view.kubectl, *arguments, namespace, values=values)

    def wait(self) -> None:
        self.view.run("rollout", "status", f"deployment/{OPERATOR}", "--timeout=180s", timeout=200)

    def operator_pods(self) -> list[str]:
        return self.view.run("get", "pods", f"--selector=app.kubernetes.io/name={OPERATOR}", "--output=name").split()

    def workers(self) -> dict[str, int]:
        """Restarts of each worker pod, by uid."""
        pods = self.view.get("pods", f"--selector=app.kubernetes.io/name={WORKERS}")["items"]
        return {
            pod["metadata"]["uid"]: sum(status["restartCount"] for status in pod["status"]["containerStatuses"])
            for pod in pods
        }

    def unread_results(self) -> int:
        """Messages of workers that wait for an executor."""
        listed = self.view.run(
            "exec", "deployment/rabbitmq", "--", "rabbitmqctl", "-q", "list_queues", "name", "messages"
        )
        return sum(int(line.split()[1]) for line in listed.splitlines() if line.startswith("execution.completed"))

    def statuses(self, ids: dict[str, int]) -> dict[tuple[str, int], int]:
        """How many executions are in each status, at which attempt."""
        listed = ",".join(map(str, ids.values()))
        query = f"SELECT status, attempt, count(*) FROM attune.execution WHERE id IN ({listed}) GROUP BY 1, 2"  # noqa: S608 - numbers
        rows = [line.split("|") for line in self.view.query(query)]
        return {(status, int(attempt)): int(count) for status, attempt, count in rows}


@pytest.fixture
async def installation(attune: ClusterView, helm: Helm) -> AsyncGenerator[Installation]:
    """The operator as kustomize installed it, and one policy with one worker; all of it as before afterwards."""
    installation = Installation(attune, helm)
    policy = {
        "apiVersion": "attune.io/v1alpha1",
        "kind": "ActionQueuePolicy",
        "metadata": {"name": "sleep"},
        "spec": {
            "actionRef": ACTION,
            "concurrency": RUNNING,
            "workers": {"deployment": WORKERS, "minReplicas": 1, "maxReplicas": 1},
        },
    }
    attune.run("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=json.dumps(policy))
    await until(lambda: attune.workers().ready == 1, 120)
    yield installation
    if RELEASE in installation.helm("list", "--short"):
        installation.helm("uninstall", RELEASE, "--wait")
    installation.apply_base()


async def until(look: Any, seconds: float) -> None:
    """Look until it is true."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(look):
            await asyncio.sleep(0.2)


async def busy(caller: Caller) -> dict[str, int]:
    """Have as many run as may, and as many again wait; each runs for longer than it takes to uninstall."""
    ids = await caller.submit([Wanted(ACTION, {"seconds": 12}) for _ in range(2 * RUNNING)])
    async with asyncio.timeout(60):
        while (await caller.get(f"/api/v1/actions/{ACTION}/queue-stats"))["active_count"] < RUNNING:
            await asyncio.sleep(0.1)
    return ids


async def all_succeeded(caller: Caller, installation: Installation, ids: dict[str, int]) -> None:
    async with asyncio.timeout(180):
        while True:
            queue = await caller.get(f"/api/v1/actions/{ACTION}/queue-stats")
            if queue["queue_length"] == queue["active_count"] == 0:
                break
            await asyncio.sleep(0.5)
    assert installation.statuses(ids) == {("succeeded", 1): len(ids)}, "each ran once"


async def test_what_runs_goes_on_without_the_operator_and_counts_when_it_is_back(
    installation: Installation, caller: Caller
) -> None:
    workers = installation.workers()

    # Uninstalled as kustomize installed it.
    ids = await busy(caller)
    await asyncio.to_thread(installation.delete_base)
    await until(lambda: not installation.operator_pods(), 60)
    await until(lambda: installation.unread_results() > 0, 60)
    assert installation.workers() == workers, "no worker was stopped"
    assert [policy["metadata"]["name"] for policy in installation.view.policies()] == ["sleep"]

    # Installed by Helm.
    await asyncio.to_thread(installation.helm_install)
    await all_succeeded(caller, installation, ids)

    # Upgraded while it works: the leader changes hands.
    ids = await busy(caller)
    leader = installation.view.leader()
    await asyncio.to_thread(
        installation.helm,
        "upgrade",
        RELEASE,
        str(CHART),
        "--reuse-values",
        "--values=-",
        "--wait",
        "--timeout=180s",
        values={"env": [{"name": "ATTUNE__LOG__LEVEL", "value": "debug"}]},
    )
    await until(lambda: installation.view.leader() not in {None, leader}, 60)
    await all_succeeded(caller, installation, ids)

    # Uninstalled by Helm, installed by kustomize.
    ids = await busy(caller)
    await asyncio.to_thread(installation.helm, "uninstall", RELEASE, "--wait")
    await until(lambda: not installation.operator_pods(), 60)
    assert installation.workers() == workers
    await asyncio.to_thread(installation.apply_base)
    await all_succeeded(caller, installation, ids)
    assert installation.workers() == workers


def test_the_crds_are_applied_by_the_server_again_and_again(attune: ClusterView) -> None:
    for _ in range(2):
        applied = attune.kubectl.run("apply", "--server-side", "--kustomize", str(REPOSITORY / "crds"))
        assert (
            "customresourcedefinition.apiextensions.k8s.io/actionqueuepolicies.attune.io serverside-applied" in applied
        )
