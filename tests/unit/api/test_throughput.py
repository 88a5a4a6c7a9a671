"""`GET /api/v1/throughput`: who did how much lately."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from unit.api.api_world import REF, ApiWorld, api_world

PATH = "/api/v1/throughput"
OTHER = "core.other"
NOTHING = {
    "accepted": 0, "succeeded": 0, "failed": 0, "cancelled": 0, "timeout": 0, "elsewhere": 0, "mean_seconds": None,
}  # fmt: skip


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as world:
        await world.declare(max_queue_length=100)
        await world.declare(OTHER)
        await world.submit(OTHER, REF, REF, REF, REF)
        world.finish(2)
        await world.client.post("/api/v1/executions/5/cancel")
        async with asyncio.timeout(60):
            while (await world.client.get("/api/v1/executions/2")).json()["data"]["status"] != "succeeded":
                await asyncio.sleep(0.01)
        yield world


async def test_every_action_the_busiest_first(world: ApiWorld) -> None:
    busiest, other = (await world.client.get(PATH)).json()["data"]
    assert (busiest["action_ref"], other["action_ref"]) == (REF, OTHER)
    totals = {name: busiest[name] for name in ("total_enqueued", "total_completed", "pending", "completion_pct")}
    assert totals == {"total_enqueued": 4, "total_completed": 2, "pending": 2, "completion_pct": 50.0}
    assert busiest["last_5_minutes"] == {
        **NOTHING, "accepted": 4, "succeeded": 1, "cancelled": 1, "mean_seconds": 0.0,
    }  # fmt: skip
    assert other["last_hour"] == {**NOTHING, "accepted": 1}
    assert busiest["minutes"] is None


async def test_one_action_by_the_minute(world: ApiWorld) -> None:
    (only,) = (await world.client.get(PATH, params={"action_ref": REF})).json()["data"]
    world.clock.advance(120)
    await world.submit(REF)
    (later,) = (await world.client.get(PATH, params={"action_ref": REF})).json()["data"]
    assert [minute["accepted"] for minute in only["minutes"]] == [4]
    assert [minute["accepted"] for minute in later["minutes"]] == [4, 1]
    assert later["since"] == only["since"], "since the executor began to count"


async def test_an_unknown_action(world: ApiWorld) -> None:
    answer = await world.client.get(PATH, params={"action_ref": "core.missing"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_action")
