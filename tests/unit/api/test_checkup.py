"""What the executor says of its parts, its workers and its queues."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from attune_executor.domain.policy import Admission, QueuePolicy
from unit.api.api_world import REF, ApiWorld, api_world


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as world:
        yield world


async def shard(world: ApiWorld) -> dict[str, Any]:
    answer = await world.client.get("/api/v1/health")
    assert answer.status_code == 200
    health = answer.json()["data"]
    assert (health["shard_count"], health["fifo_violations"]) == (1, 0)
    (found,) = health["shards"]
    return found


async def test_a_healthy_executor(world: ApiWorld) -> None:
    await world.declare(concurrency=1)
    await world.submit(REF, REF)
    found = await shard(world)
    assert (found["serving"], found["detail"], found["last_turn_age_seconds"] < 5) == (True, "serving", True)
    parts = {part["name"]: (part["ok"], part["last_error"]) for part in found["components"]}
    assert parts == dict.fromkeys(["broker", "completion_listener", "dispatcher", "statistics"], (True, None))
    assert found["reports"] == {"messages": 0, "oldest_seconds": None}
    assert found["queues"][1] == {"name": "default", "messages": 1, "consumers": 1}
    (pool,) = found["pools"]
    assert (pool["name"], pool["slots"], pool["in_flight"]) == ("default", 1000, 1)
    assert [(each["name"], each["draining"]) for each in pool["workers"]] == [("worker", False)]
    (action,) = found["actions"]
    assert action == {
        "action_ref": REF,
        "pool": "default",
        "queue_length": 1,
        "active_count": 1,
        "waits_for": "concurrency",
        "goes_on_at": None,
        "closed_by": None,
    }


async def test_a_broker_that_is_away_is_told_of_and_its_queues_are_not(world: ApiWorld) -> None:
    world.broker.away = True
    found = await shard(world)
    parts = {part["name"]: part["ok"] for part in found["components"]}
    assert (parts["broker"], parts["completion_listener"], found["queues"]) == (False, False, None)


async def test_what_closes_an_action_is_named(world: ApiWorld) -> None:
    await world.engine.set_policy(REF, QueuePolicy(concurrency=1, admission=Admission.CLOSED))
    (action,) = (await shard(world))["actions"]
    assert (action["closed_by"], action["waits_for"]) == ("admission", None)
