"""Saying in a worker's place how an execution ended: what is answered, and what holds from then on."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from attune_executor.domain.execution import ExecutionStatus
from unit.api.api_world import REF, ApiWorld, api_world


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as world:
        await world.declare(concurrency=1)
        await world.submit(REF, REF, REF)
        yield world


async def complete(world: ApiWorld, execution_id: int, body: object = None) -> httpx.Response:
    return await world.client.post(f"/api/v1/executions/{execution_id}/complete", json=body)


async def until_dispatched(world: ApiWorld, count: int) -> None:
    async with asyncio.timeout(60):
        while len(world.broker.pools.get("default", ())) < count:
            await asyncio.sleep(0.001)


async def test_one_that_runs_has_failed_and_its_slot_is_free_when_that_is_answered(world: ApiWorld) -> None:
    await until_dispatched(world, 1)
    answer = await complete(world, 1)
    assert answer.status_code == 200
    shown = answer.json()["data"]
    assert (shown["id"], shown["status"]) == (1, "failed")
    assert shown["result"] == {"error": "Execution stuck, manually failed by operator"}
    stats = world.engine.stats_of(REF)
    assert stats is not None
    assert (stats.active_count, stats.queue_length, stats.total_completed) == (1, 1, 1)
    await until_dispatched(world, 2)
    assert [cancel.execution_id for cancel in world.broker.cancelled] == [1], "its worker is not told to stop it"


async def test_a_late_report_of_its_worker_changes_nothing(world: ApiWorld) -> None:
    await complete(world, 1)
    world.finish(1, b'"late"')
    world.finish(2, b'"second"')
    async with asyncio.timeout(60):
        while (await world.client.get("/api/v1/executions/2")).json()["data"]["status"] != "succeeded":
            await asyncio.sleep(0.001)
    assert (await world.client.get("/api/v1/executions/1")).json()["data"]["status"] == "failed"
    stats = world.engine.stats_of(REF)
    assert stats is not None
    assert (stats.active_count, stats.total_completed) == (1, 2), "a slot was released twice"


@pytest.mark.parametrize(
    ("body", "status", "result"),
    [
        ({"error": "disk on fire"}, "failed", {"error": "disk on fire"}),
        ({"status": "failed"}, "failed", {"error": "Execution stuck, manually failed by operator"}),
        ({"status": "succeeded", "result": {"rows": 3}}, "succeeded", {"rows": 3}),
        ({"status": "succeeded"}, "succeeded", None),
    ],
)
@pytest.mark.parametrize("execution_id", [1, 3])
async def test_it_ends_as_the_caller_says_whether_it_runs_or_waits(
    world: ApiWorld, execution_id: int, body: object, status: str, result: object
) -> None:
    shown = (await complete(world, execution_id, body)).json()["data"]
    assert (shown["status"], shown["result"]) == (status, result)
    assert world.store.executions[execution_id].stored.status is ExecutionStatus(status)


async def test_the_first_end_stays(world: ApiWorld) -> None:
    await complete(world, 2)
    for path in ("complete", "cancel"):
        again = await world.client.post(f"/api/v1/executions/2/{path}")
        assert again.status_code == 409
        assert (again.json()["code"], again.json()["details"]) == ("already_ended", {"status": "failed"})


async def test_one_that_nobody_knows(world: ApiWorld) -> None:
    answer = await complete(world, 99)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_execution")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"status": "cancelled"}', "status"),
        (b'{"result": 1}', "result"),
        (b'{"status": "succeeded", "error": "x"}', "error"),
        (b'{"status": "succeeded", "result": "\\u0000"}', "result"),
        (b'{"error": ""}', "error"),
        (b'{"force": true}', "force"),
    ],
)
async def test_what_is_not_understood_is_named_and_ends_nothing(world: ApiWorld, body: bytes, field: str) -> None:
    answer = await world.client.post("/api/v1/executions/1/complete", content=body)
    assert (answer.status_code, answer.json()["details"]) == (422, {"field": field})
    assert world.store.executions[1].stored.status is ExecutionStatus.SCHEDULED
