"""The executor follows the ExecutorConfig or the settings, and nothing that cannot be read changes its rules."""

from typing import Any

import pytest

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.maintenance import MaintenanceRules
from attune_executor.engine.views import UnavailableError
from attune_operator.cluster import Cluster, ClusterError, ForbiddenError, NotFoundError
from attune_operator.controller.configuration import Configuration
from attune_operator.resources import ExecutorRules, ObjectKey, QueueDefaults

SETTINGS = ExecutorRules(QueueDefaults(7, None), None, 30, MaintenanceRules(snapshots=False))


class OneObject(Cluster):
    """Has the object, or an error in its place."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] | ClusterError = NotFoundError("no such object")
        self.asked: ObjectKey | None = None

    async def executor_config(self, config: ObjectKey) -> dict[str, Any]:
        self.asked = config
        if isinstance(self.answer, ClusterError):
            raise self.answer
        return self.answer


class Told:
    """An executor that remembers what it was told; away while ``away``."""

    def __init__(self) -> None:
        self.away = False
        self.emergency: Emergency | None = None
        self.per_minute: int | None = None
        self.maintenance: MaintenanceRules | None = None

    async def set_emergency(self, emergency: Emergency | None) -> None:
        if self.away:
            raise UnavailableError("database away")
        self.emergency = emergency

    async def limit_requests(self, per_minute: int | None) -> None:
        self.per_minute = per_minute

    async def set_maintenance(self, rules: MaintenanceRules) -> None:
        self.maintenance = rules


class World:
    """A configuration between an API server and an executor."""

    def __init__(self) -> None:
        self.cluster = OneObject()
        self.executor = Told()
        self.configuration = Configuration(self.cluster, self.executor, "attune-system", SETTINGS)

    def has(self, **spec: Any) -> None:
        metadata = {
            "name": "executor",
            "namespace": "attune-system",
            "uid": "u",
            "generation": 1,
            "resourceVersion": "7",
            "creationTimestamp": "2026-12-01T00:00:00Z",
        }
        self.cluster.answer = {"metadata": metadata, "spec": spec}

    async def passes(self) -> bool:
        await self.configuration.refresh()
        return await self.configuration.apply()


@pytest.fixture
def world() -> World:
    return World()


async def test_without_the_object_the_settings_hold(world: World) -> None:
    assert await world.passes()

    assert world.cluster.asked == ("attune-system", "executor")
    assert (world.executor.emergency, world.executor.per_minute) == (None, 30)
    assert world.executor.maintenance == SETTINGS.maintenance
    assert world.configuration.wanted.queue == QueueDefaults(7, None)
    assert not await world.passes(), "nothing is told twice"


async def test_the_object_decides_as_a_whole_and_its_end_is_the_end_of_an_emergency(world: World) -> None:
    world.has(emergencyMode=True)
    assert await world.passes()
    assert (world.executor.emergency, world.executor.per_minute) == (Emergency(), None)
    assert world.configuration.wanted.queue == QueueDefaults()
    assert world.executor.maintenance == MaintenanceRules(snapshots=False), "there are no statistics to take them of"

    world.cluster.answer = NotFoundError("deleted")
    assert await world.passes()
    assert (world.executor.emergency, world.executor.per_minute) == (None, 30)


@pytest.mark.parametrize("unreadable", [ForbiddenError("no role"), {"metadata": {}, "spec": {}}])
async def test_what_cannot_be_read_ends_no_emergency(world: World, unreadable: dict[str, Any] | ClusterError) -> None:
    world.has(emergencyMode=True)
    await world.passes()

    world.cluster.answer = unreadable
    assert not await world.passes()

    assert world.executor.emergency == Emergency()


async def test_an_api_server_that_is_away_is_said_and_ends_no_emergency(world: World) -> None:
    world.has(emergencyMode=True)
    await world.passes()

    world.cluster.answer = ClusterError("does not answer")
    with pytest.raises(ClusterError):
        await world.configuration.refresh()

    assert not await world.configuration.apply()
    assert world.executor.emergency == Emergency()


async def test_what_the_executor_did_not_take_is_told_again(world: World) -> None:
    world.has(emergencyMode=True)
    world.executor.away = True
    await world.configuration.refresh()
    with pytest.raises(UnavailableError):
        await world.configuration.apply()
    assert world.configuration.followed is None

    world.executor.away = False
    assert await world.passes()
    assert world.configuration.followed == world.configuration.wanted
