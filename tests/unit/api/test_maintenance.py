"""`/api/v1/maintenance`: what is done when, and having it done now."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from attune_executor.domain.maintenance import MaintenanceRules, Task
from unit.api.api_world import ApiWorld, api_world

PATH = "/api/v1/maintenance"


async def tasks(world: ApiWorld) -> dict[str, Any]:
    answer = await world.client.get(PATH)
    assert answer.status_code == 200
    return {entry["task"]: entry for entry in answer.json()["data"]}


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as world:
        async with asyncio.timeout(60):
            while any(entry["last_run"] is None for entry in (await tasks(world)).values()):
                await asyncio.sleep(0.01)
        yield world


async def test_every_task_and_what_it_last_did(world: ApiWorld) -> None:
    found = await tasks(world)
    assert list(found) == [task.value for task in Task]
    entry = found["delete-executions"]
    assert entry["purpose"] == "deletes finished executions past their retention"
    assert (entry["schedule"], entry["every_seconds"], entry["enabled"]) == ("every hour", 3600, True)
    assert "executor.maintenance.execution_retention_days" in entry["switch"]
    assert entry["last_run"]["rows"] == 0
    assert entry["last_run"]["started_at"] < entry["due_at"]
    assert (entry["running"], entry["failure"], entry["failures"]) == (False, None, 0)


async def test_a_task_is_run_now_and_can_be_looked_at_until_it_is_done(world: ApiWorld) -> None:
    before = (await tasks(world))["snapshot-queues"]["last_run"]["started_at"]
    world.clock.advance(1)
    answer = await world.client.post(f"{PATH}/snapshot-queues/run")
    assert (answer.status_code, answer.json()["data"]["running"]) == (202, True)
    async with asyncio.timeout(60):
        while (await tasks(world))["snapshot-queues"]["running"]:
            await asyncio.sleep(0.01)
    assert (await tasks(world))["snapshot-queues"]["last_run"]["started_at"] > before


async def test_a_task_that_there_is_not(world: ApiWorld) -> None:
    answer = await world.client.post(f"{PATH}/defragment/run")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_task")
    assert answer.json()["details"] == {"known": [task.value for task in Task]}
    assert "snapshot-queues" in answer.json()["error"]


async def test_a_task_that_is_switched_off_names_the_setting(world: ApiWorld) -> None:
    world.engine.set_maintenance(MaintenanceRules(execution_retention_days=0))
    answer = await world.client.post(f"{PATH}/delete-executions/run")
    assert (answer.status_code, answer.json()["code"]) == (409, "task_switched_off")
    assert "spec.retention.executionDays" in answer.json()["error"]
    assert not (await tasks(world))["delete-executions"]["enabled"]
