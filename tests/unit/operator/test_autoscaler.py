"""The pass that scales: whom it leaves alone, whom it takes away, and what it tells."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from attune_executor.domain.durations import DurationPercentiles
from attune_executor.domain.stats import Load, QueueStats
from attune_operator.cluster import Cluster, ClusterError, ForbiddenError, NotFoundError
from attune_operator.controller.autoscaler import Autoscaler
from attune_operator.controller.measurements import Measurements
from attune_operator.reconcile import Rule
from attune_operator.resources import ActionQueuePolicy, ObjectKey, WorkerDeployment
from attune_operator.resources.other_autoscalers import scaled_by_others
from attune_operator.scaling import DecisionHistory, Reason
from attune_operator.view import ResourceView

if TYPE_CHECKING:
    from attune_operator.controller.ports import Queues

HOME = "attune-system"
WORKERS = ObjectKey(HOME, "workers")
METADATA = {"namespace": HOME, "uid": "u", "generation": 1, "creationTimestamp": datetime(2027, 1, 1, tzinfo=UTC)}


def deployment(replicas: int, grace: int = 60, version: int = 1) -> WorkerDeployment:
    return WorkerDeployment.model_validate(
        {
            "metadata": {**METADATA, "name": "workers", "resourceVersion": str(version)},
            "spec": {"replicas": replicas, "template": {"spec": {"terminationGracePeriodSeconds": grace}}},
        }
    )


def policy(**workers: Any) -> ActionQueuePolicy:
    spec = {"deployment": "workers", "maxReplicas": 20, "scaleDown": {"stabilizationSeconds": 0}, **workers}
    return ActionQueuePolicy.model_validate(
        {
            "metadata": {**METADATA, "name": "echo", "resourceVersion": "1"},
            "spec": {"actionRef": "core.echo", "concurrency": 100, "workers": spec},
        }
    )


def queue(waiting: int = 0, active: int = 0, longest: float | None = 2.0) -> QueueStats:
    durations = None if longest is None else DurationPercentiles(1.0, 1.0, 1.0, longest)
    load = Load(0.0, 3.0, durations=durations)
    return QueueStats(1, "core.echo", waiting, active, 100, None, 0, 0, 0, 0.0, load)


class FakeCluster:
    """What the API server would do, and what it was asked."""

    def __init__(self, deployments: ResourceView[WorkerDeployment]) -> None:
        self._deployments = deployments
        self.asked: list[tuple[str, Any]] = []
        self.others: dict[ObjectKey, str] = {}
        self.failure: ClusterError | None = None
        self.pods_gone = False
        self._version = 1

    async def scaled_by_others(self, namespace: str) -> dict[ObjectKey, str]:
        assert namespace == HOME
        if self.failure is not None:
            raise self.failure
        return dict(self.others)

    async def set_deletion_cost(self, pod: ObjectKey, cost: int) -> None:
        if self.pods_gone:
            raise NotFoundError("no such pod")
        self.asked.append((pod.name, cost))

    async def scale(self, scaled: WorkerDeployment, replicas: int) -> WorkerDeployment:
        self.asked.append(("replicas", replicas))
        self._version += 1
        return scaled.scaled(replicas, str(self._version))


class FakeQueues:
    """Workers and what they run."""

    def __init__(self) -> None:
        self.running: dict[str, int] = {}

    async def held_by_worker(self, pool: str) -> Mapping[str, int]:
        assert pool == "workers"
        return dict(self.running)


class World:
    """One Deployment and one policy."""

    def __init__(self, replicas: int, grace: int = 60, **workers: Any) -> None:
        self.deployments: ResourceView[WorkerDeployment] = ResourceView()
        self.deployments.observe(deployment(replicas, grace))
        self.cluster = FakeCluster(self.deployments)
        self.queues = FakeQueues()
        self.history = DecisionHistory()
        self.rule = Rule({"core.echo": policy(**workers)}, {})
        self.autoscaler = Autoscaler(
            cast("Cluster", self.cluster), cast("Queues", self.queues), self.deployments, self.history, HOME
        )

    async def look(self, stats: QueueStats) -> None:
        await self.autoscaler.run(self.rule, Measurements({"core.echo": stats}, None))

    @property
    def replicas(self) -> int:
        return self.deployments.objects()[WORKERS].replicas

    @property
    def reason(self) -> Reason:
        return self.autoscaler.decisions[WORKERS].reason


async def shrunk(world: World, stats: QueueStats) -> None:
    """Two looks: the size that is found counts as a recommendation for the moment in which it is found."""
    await world.look(replace(stats))
    await world.look(replace(stats))


async def test_a_burst_is_answered_in_one_pass() -> None:
    world = World(1)
    await world.look(queue(waiting=400))

    assert world.cluster.asked == [("replicas", 4)]
    assert world.reason is Reason.BACKLOG


@pytest.mark.parametrize("minimum", [0, 1])
async def test_idle_pods_are_cheap_and_busy_ones_dear_just_before_workers_go(minimum: int) -> None:
    world = World(4, minReplicas=minimum)
    world.queues.running = {"pod-a": 0, "pod-b": 7, "pod-c": 0, "pod-d": 1}
    await shrunk(world, queue(active=8))

    assert sorted(world.cluster.asked[:-1]) == [("pod-a", 0), ("pod-b", 7), ("pod-c", 0), ("pod-d", 1)]
    assert world.cluster.asked[-1] == ("replicas", 1)


async def test_only_prices_that_changed_are_told() -> None:
    world = World(4)
    world.queues.running = {"pod-a": 0, "pod-b": 15}
    await shrunk(world, queue(active=15))
    world.cluster.asked.clear()
    world.queues.running = {"pod-a": 0, "pod-b": 1, "pod-new": 0}
    await shrunk(world, queue(active=1))

    assert world.cluster.asked == [("pod-b", 1), ("replicas", 1)]


async def test_workers_that_cannot_finish_in_time_are_kept_until_they_are_idle() -> None:
    world = World(4, grace=60)
    world.queues.running = {"pod-a": 1, "pod-b": 1, "pod-c": 1, "pod-d": 0}
    await shrunk(world, queue(active=3, longest=600.0))
    assert (world.replicas, world.reason) == (3, Reason.BUSY_WORKERS)
    assert "terminationGracePeriodSeconds" in world.autoscaler.decisions[WORKERS].message

    world.queues.running = {"pod-a": 1, "pod-b": 1, "pod-c": 1}
    await world.look(queue(active=3, longest=None))
    assert world.replicas == 3

    world.queues.running = {"pod-a": 0, "pod-b": 0, "pod-c": 1}
    await shrunk(world, queue(active=1, longest=600.0))
    assert world.replicas == 1


async def test_workers_outside_of_pods_are_no_reason_not_to_scale() -> None:
    world = World(4)
    world.cluster.pods_gone = True
    world.queues.running = {"host-17": 0}
    await shrunk(world, queue())

    assert world.replicas == 1


async def test_an_autoscaler_that_was_just_added_is_not_fought() -> None:
    world = World(1)
    await world.look(queue())
    world.cluster.others = {WORKERS: "HorizontalPodAutoscaler web"}
    await world.look(queue(waiting=400))

    assert world.cluster.asked == []
    assert world.reason is Reason.SCALED_BY_ANOTHER

    world.cluster.others = {}
    await world.autoscaler.look_around()
    await world.look(queue(waiting=400))
    assert world.replicas == 4


async def test_a_decision_does_not_wait_for_who_else_scales_where_there_is_nothing_to_do() -> None:
    world = World(1)
    world.cluster.failure = ClusterError("away")
    await world.look(queue())
    await world.autoscaler.look_around()

    assert world.reason is Reason.MIN_REPLICAS


@pytest.mark.parametrize("failure", [ForbiddenError("no"), ClusterError("away")])
async def test_scaling_goes_on_where_others_cannot_be_looked_for(failure: ClusterError) -> None:
    world = World(1)
    world.cluster.failure = failure
    await world.look(queue(waiting=400))

    assert world.replicas == 4


async def test_what_is_not_news_is_decided_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("attune_operator.controller.autoscaler.monotonic", lambda: clock[0])
    world = World(1)
    stats = queue()
    await world.look(stats)
    first = world.autoscaler.decisions[WORKERS]
    await world.look(stats)
    assert world.autoscaler.decisions[WORKERS] is first

    clock[0] += 1
    await world.look(stats)
    assert world.autoscaler.decisions[WORKERS] is not first


async def test_the_history_tells_what_was_decided_anew() -> None:
    world = World(1)
    for stats in (queue(), queue(), queue(waiting=400), queue(active=35)):
        await world.look(stats)

    entries = world.history.newest_first(HOME, "workers")
    assert [(entry["desired"], entry["reason"]) for entry in entries] == [
        (4, "ActiveExecutions"),
        (4, "Backlog"),
        (1, "MinReplicas"),
    ]
    assert entries[1]["ledger"]["backlogWorkers"] == 4
    assert world.history.newest_first("elsewhere", None) == []


def test_others_are_known_by_what_they_scale() -> None:
    def autoscaler(name: str, kind: str, target: str, **metadata: Any) -> dict[str, Any]:
        reference = {"kind": kind, "name": target}
        return {"metadata": {"namespace": HOME, "name": name, **metadata}, "spec": {"scaleTargetRef": reference}}

    found = scaled_by_others(
        [
            autoscaler("web", "Deployment", "workers"),
            autoscaler("other", "StatefulSet", "database"),
            autoscaler("keda-hpa-k", "Deployment", "k", ownerReferences=[{"kind": "ScaledObject", "name": "k"}]),
        ],
        [{"metadata": {"namespace": HOME, "name": "paused"}, "spec": {"scaleTargetRef": {"name": "p"}}}],
    )

    assert found == {
        WORKERS: "HorizontalPodAutoscaler web",
        ObjectKey(HOME, "k"): "ScaledObject k",
        ObjectKey(HOME, "p"): "ScaledObject paused",
    }
