"""From kubectl apply to results and scaled workers, on a real API server with real pods."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from testbed.attune.client import Caller, Wanted
from testbed.attune.cluster_view import WORKERS, ClusterView
from testbed.attune.questions import OUT_OF_ORDER

pytestmark = pytest.mark.timeout(1800)

ACTION = "core.sleep"
POLICY = "sleep"


def policy(**spec: Any) -> dict[str, Any]:
    workers = {
        "deployment": WORKERS,
        "slotsPerWorker": 10,
        "minReplicas": 1,
        "maxReplicas": 4,
        "peakWindowSeconds": 60,
        "scaleDown": {"stabilizationSeconds": 10},
    }
    return {
        "apiVersion": "attune.io/v1alpha1",
        "kind": "ActionQueuePolicy",
        "metadata": {"name": POLICY},
        "spec": {"actionRef": ACTION, "concurrency": 10, "workers": workers, **spec},
    }


class Scene:
    """One policy and its queue, as a user sees them."""

    def __init__(self, view: ClusterView, caller: Caller) -> None:
        self.view = view
        self.caller = caller

    async def apply(self, **spec: Any) -> None:
        await asyncio.to_thread(
            self.view.run,
            "apply",
            "--server-side",
            "--force-conflicts",
            "--filename=-",
            stdin=json.dumps(policy(**spec)),
        )
        generation = self.view.get("aqp", POLICY)["metadata"]["generation"]
        await self.until(lambda: self._observed(generation), 30)

    def patch(self, **spec: Any) -> None:
        self.view.run("patch", "aqp", POLICY, "--type=merge", "--patch", json.dumps({"spec": spec}))

    async def _observed(self, generation: int) -> bool:
        status = (await asyncio.to_thread(self.view.get, "aqp", POLICY)).get("status", {})
        return status.get("observedGeneration") == generation

    async def submit(self, count: int, seconds: float) -> dict[str, int]:
        return await self.caller.submit([Wanted(ACTION, {"seconds": seconds}) for _ in range(count)])

    async def queue(self) -> dict[str, Any]:
        return await self.caller.get(f"/api/v1/actions/{ACTION}/queue-stats")

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float) -> float:
        """Wait for it; returns how long it took."""
        started = time.monotonic()
        while not await condition():
            assert time.monotonic() - started < seconds, (
                await self.queue(),
                await asyncio.to_thread(self.view.run, "get", "aqp,deployments,pods", "--output=wide"),
            )
            await asyncio.sleep(0.02)
        return time.monotonic() - started

    async def active_is(self, count: int) -> bool:
        return (await self.queue())["active_count"] == count

    async def idle(self) -> bool:
        queue = await self.queue()
        return queue["queue_length"] == queue["active_count"] == 0

    def statuses(self, ids: dict[str, int]) -> dict[str, int]:
        listed = ",".join(map(str, ids.values()))
        lines = self.view.query(
            f"SELECT status, count(*) FROM attune.execution WHERE id IN ({listed}) GROUP BY status"  # noqa: S608 - numbers
        )
        return {status: int(count) for status, count in (line.split("|") for line in lines)}


@pytest.fixture(scope="module")
def only_policy(attune: ClusterView) -> Iterator[None]:
    """No policy of others scales the workers, and none is left behind."""
    attune.run("delete", "aqp", "--all")
    yield
    attune.run("delete", "aqp", "--all")


@pytest.fixture
async def scene(attune: ClusterView, caller: Caller, only_policy: None) -> AsyncGenerator[Scene]:  # noqa: ARG001 - in force
    scene = Scene(attune, caller)
    await scene.apply()
    yield scene
    scene.patch(concurrency=50)
    await scene.until(scene.idle, 120)


# The first one: what the others ask for would be remembered as the peak for a minute.
async def test_workers_follow_the_load_and_come_back(
    scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    await scene.apply(concurrency=40)

    async def workers(wanted: int) -> bool:
        return (await asyncio.to_thread(scene.view.workers)).wanted == wanted

    await scene.until(lambda: workers(1), 120)
    before = time.monotonic()
    # One worker has slots for ten at a time: the depth asks for twice the workers, and 30 s later again.
    ids = await scene.submit(400, 3)

    async def scaled() -> bool:
        return (await asyncio.to_thread(scene.view.workers)).wanted > 1

    await scene.until(scaled, 30)
    record_property("seconds from burst to scaled Deployment", time.monotonic() - before)
    print(f"\nburst to patch {time.monotonic() - before:.2f} s")  # noqa: T201 - measured
    await scene.until(lambda: workers(4), 60)
    await scene.until(scene.idle, 120)
    assert scene.statuses(ids) == {"succeeded": 400}
    await scene.until(lambda: workers(1), 180)
    status = scene.view.get("aqp", POLICY)["status"]
    assert status["totalEnqueued"] == status["totalCompleted"] >= 400
    ready = next(item for item in status["conditions"] if item["type"] == "Ready")
    assert ready["status"] == "True", ready


async def test_patched_limits_bite_within_two_seconds(
    scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    async def bites(limit: int) -> float:
        async def limit_is() -> bool:
            return (await scene.queue())["max_concurrent"] == limit

        scene.patch(concurrency=limit)
        return await scene.until(limit_is, 20)

    await scene.apply(concurrency=4)
    ids = await scene.submit(80, 3)
    await scene.until(lambda: scene.active_is(4), 20)

    raised = [await bites(limit) for limit in (8, 10, 12)]
    await scene.until(lambda: scene.active_is(12), 20)
    lowered = [await bites(limit) for limit in (4, 3, 2)]
    # Lowered below what runs: nothing starts until fewer than two run.
    queued = (await scene.queue())["queue_length"]
    while (queue := await scene.queue())["active_count"] > 2:
        assert queue["queue_length"] == queued
        await asyncio.sleep(0.05)

    shortened: list[float] = []
    for length in (0, 10_000, 0):
        scene.patch(maxQueueLength=length)
        started = time.monotonic()
        while (await refused(scene)) is (length > 0):
            assert time.monotonic() - started < 20
        shortened.append(time.monotonic() - started)
    medians = [statistics.median(each) for each in (raised, lowered, shortened)]
    record_property("median seconds until raised and lowered concurrency, and maxQueueLength, bite", medians)
    print("\nraised {:.2f} s, lowered {:.2f} s, maxQueueLength {:.2f} s".format(*medians))  # noqa: T201 - measured
    # Of three changes, since a busy machine may hold up one of them.
    assert max(medians) < 2

    scene.patch(concurrency=50, maxQueueLength=10_000)
    await scene.until(scene.idle, 120)
    assert scene.statuses(ids) == {"succeeded": 80}


async def refused(scene: Scene) -> bool:
    response = await scene.caller.post_one(Wanted(ACTION, {"seconds": 0}))
    if response.status_code == 201:
        return False
    assert response.status_code == 429
    assert response.json()["error"] == "Queue full (max length: 0)"
    assert int(response.headers["Retry-After"]) >= 1
    return True


async def test_a_deleted_worker_pod_loses_nothing(scene: Scene) -> None:
    await scene.apply(concurrency=10)
    ids = await scene.submit(40, 2)
    await scene.until(lambda: scene.active_is(10), 30)
    (victim,) = scene.view.get("pods", "--selector=app.kubernetes.io/name=attune-worker")["items"][:1]
    scene.view.run("delete", "pod", victim["metadata"]["name"], "--grace-period=0", "--force", "--wait=false")
    await scene.until(scene.idle, 120)
    assert scene.statuses(ids) == {"succeeded": 40}


async def test_a_killed_leader_is_replaced_and_nothing_is_lost(
    scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    await scene.apply(concurrency=10)
    ids = await scene.submit(100, 1)
    leader = scene.view.leader()
    assert leader is not None
    scene.view.run("delete", "pod", leader, "--grace-period=0", "--force", "--wait=false")
    killed = time.monotonic()

    async def replaced() -> bool:
        return await asyncio.to_thread(scene.view.leader) not in {leader, None}

    await scene.until(replaced, 60)
    ids |= await scene.submit(100, 0.1)
    record_property("seconds until a new leader accepted executions", time.monotonic() - killed)
    print(f"\nnew leader accepts after {time.monotonic() - killed:.2f} s")  # noqa: T201 - measured
    await scene.until(scene.idle, 180)
    assert scene.statuses(ids) == {"succeeded": 200}
    assert scene.view.query(OUT_OF_ORDER) == ["0"]


async def test_a_deleted_policy_refuses_and_drains(scene: Scene) -> None:
    await scene.apply(concurrency=10)
    ids = await scene.submit(30, 0.5)
    scene.view.run("delete", "aqp", POLICY)

    async def unknown() -> bool:
        return (await scene.caller.post_one(Wanted(ACTION, {"seconds": 0}))).status_code == 404

    await scene.until(unknown, 20)
    await scene.until(scene.idle, 60)
    assert scene.statuses(ids) == {"succeeded": 30}
    await scene.apply()
