"""Which executions are shown as stuck, and what of them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import QueuePolicy, RetryPolicy
from attune_executor.domain.records import Finished, Started
from attune_executor.domain.workers import Heartbeat
from unit.api.api_world import REF, ApiWorld, api_world

OTHER = "core.other"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as world:
        await world.declare(concurrency=1)
        policy = QueuePolicy(concurrency=1, execution_timeout_seconds=7200, retry=RetryPolicy(3, delay_seconds=9000))
        await world.engine.set_policy(OTHER, policy)
        await world.submit(REF, REF, OTHER)
        yield world


async def stuck(world: ApiWorld, query: str = "") -> list[dict[str, Any]]:
    return (await world.client.get(f"/api/v1/executions/stuck{query}")).json()["data"]


async def heeded(world: ApiWorld) -> None:
    """Whatever was reported before is in force: a turn has been made since."""
    await world.engine.set_policy("core.turn", QueuePolicy(concurrency=1))


async def test_the_oldest_first_with_what_is_known_of_their_workers(world: ApiWorld) -> None:
    assert await stuck(world) == []
    began = world.clock.now()
    world.clock.advance(5)
    world.broker.report(
        started=[Started(3, 1, "w-3", began)], heartbeat=Heartbeat("w-3", "default", 10, False, [(3, 1)])
    )
    await heeded(world)
    world.clock.advance(601)
    waits, runs = await stuck(world)
    assert (waits["id"], waits["status"], waits["attempt"], waits["pool"]) == (1, "scheduled", 1, "default")
    assert (waits["worker"], waits["last_heartbeat"], waits["held"], waits["times_out_at"]) == (None, None, False, None)
    assert (runs["id"], runs["action_ref"], runs["status"]) == (3, OTHER, "running")
    assert (runs["worker"], runs["held"], runs["cancelling"]) == ("w-3", True, False)
    assert runs["last_heartbeat"] == runs["since"] > waits["since"]
    assert runs["times_out_at"] > runs["since"]
    assert [each["id"] for each in await stuck(world, f"?action_ref={OTHER}")] == [3]
    assert [each["id"] for each in await stuck(world, "?limit=1")] == [1]
    assert await stuck(world, "?minutes=11") == []
    assert len(await stuck(world, "?minutes=0.5")) == 2


async def test_a_new_owner_knows_since_when_from_the_journal(world: ApiWorld) -> None:
    """Its patience begins anew; the runbook's question does not."""
    world.clock.advance(601)
    world.store.away = True
    async with asyncio.timeout(60):
        while world.engine.health().serving:
            await asyncio.sleep(0.001)
        world.store.away = False
        while not world.engine.health().serving:
            await asyncio.sleep(0.001)
    assert [each["id"] for each in await stuck(world)] == [1, 3]


async def test_what_waits_to_be_retried_is_expected_to_be_silent(world: ApiWorld) -> None:
    now = world.clock.now()
    world.broker.report(finished=[Finished(3, 1, ExecutionStatus.FAILED, b"null", "w-3", now, now)])
    await heeded(world)
    world.clock.advance(601)
    assert [each["id"] for each in await stuck(world)] == [1]


async def test_a_word_in_place_of_an_id_is_still_no_execution(world: ApiWorld) -> None:
    assert (await world.client.get("/api/v1/executions/unstuck")).status_code == 422
    assert (await world.client.get("/api/v1/executions/stuck?minutes=nan")).status_code == 422
    unknown = await world.client.get("/api/v1/executions/stuck?action_ref=core.unknown")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_action")
