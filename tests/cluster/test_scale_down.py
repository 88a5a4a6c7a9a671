"""Taking workers away on a real cluster: the idle pod goes, the busy one stays, and nothing runs twice."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from testbed.attune.client import Caller, Wanted
from testbed.attune.cluster_view import WORKERS, ClusterView

pytestmark = pytest.mark.timeout(1200)

ACTION, POLICY = "core.shell", "shell"
PODS = 4
SHORT = 200
COST = "controller.kubernetes.io/pod-deletion-cost"


def policy(minimum: int) -> dict[str, Any]:
    return {
        "apiVersion": "attune.io/v1alpha1",
        "kind": "ActionQueuePolicy",
        "metadata": {"name": POLICY},
        "spec": {
            "actionRef": ACTION,
            "concurrency": 10,
            "workers": {
                "deployment": WORKERS,
                "minReplicas": minimum,
                "maxReplicas": PODS,
                "peakWindowSeconds": 60,
                "scaleDown": {"stabilizationSeconds": 2},
            },
        },
    }


class Scene:
    """The policy, its pods and its executions."""

    def __init__(self, view: ClusterView) -> None:
        self.view = view

    def apply(self, minimum: int) -> None:
        document = json.dumps(policy(minimum))
        self.view.run("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=document)

    def pods(self) -> list[dict[str, Any]]:
        """Those that are there to stay."""
        items = json.loads(self.view.run("get", "pods", f"--selector=app.kubernetes.io/name={WORKERS}", "-o", "json"))
        return [item for item in items["items"] if "deletionTimestamp" not in item["metadata"]]

    def ready(self) -> int:
        return int(self.view.get("deployment", WORKERS).get("status", {}).get("readyReplicas", 0))

    def execution(self, number: int) -> list[str]:
        (row,) = self.view.query(
            f"SELECT status, attempt, COALESCE(worker, '') FROM attune.execution WHERE id = {number}"  # noqa: S608 - a number
        )
        return row.split("|")

    def executions(self) -> dict[int, tuple[str, str]]:
        """Status and attempt of everything that there was."""
        rows = [row.split("|") for row in self.view.query("SELECT id, status, attempt FROM attune.execution")]
        return {int(number): (status, attempt) for number, status, attempt in rows}


async def until(look: Callable[[], bool], seconds: float, tell: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(look):
        assert time.monotonic() < deadline, tell()
        await asyncio.sleep(0.2)


async def test_the_idle_pods_go_and_the_busy_one_finishes(attune: ClusterView, caller: Caller, full: bool) -> None:
    scene = Scene(attune)

    def tell() -> str:
        return attune.run("get", "aqp,deployments,pods", "--output=wide")

    # Of several policies for one Deployment the most cautious one wins.
    attune.run("delete", "aqp", "--all")
    accepted: list[int] = []
    for round_number in range(20 if full else 1):
        scene.apply(PODS)
        await until(lambda: scene.ready() == PODS, 240, tell)
        # What is short says that the grace period is long enough for all, and keeps every pod busy now and then.
        accepted += (await caller.submit([Wanted(ACTION, {"command": "sleep 0.1"}) for _ in range(SHORT)])).values()
        # It runs until it is told to end: for as long as the others take to go.
        end = f"/tmp/end-{round_number}"  # noqa: S108 - the pod's own
        running = Wanted(ACTION, {"command": f"until [ -e {end} ]; do sleep 0.2; done"})
        (number,) = (await caller.submit([running])).values()
        accepted.append(number)
        await until(lambda number=number: scene.execution(number)[0] == "running", 60, tell)
        worker = scene.execution(number)[2]

        scene.apply(1)
        await until(lambda: len(scene.pods()) == 1, 90, tell)

        (left,) = scene.pods()
        assert left["metadata"]["name"] == worker
        assert left["metadata"]["annotations"][COST] == "1"
        assert scene.execution(number)[0] == "running", "it outlives those that went"
        attune.run("exec", worker, "--", "touch", end)
        await until(lambda number=number: scene.execution(number)[0] != "running", 60, tell)
        assert scene.execution(number) == ["succeeded", "1", worker]
    attune.run("delete", "aqp", POLICY)
    told = scene.executions()
    assert [told[number] for number in accepted] == [("succeeded", "1")] * len(accepted), "lost, or run twice"
