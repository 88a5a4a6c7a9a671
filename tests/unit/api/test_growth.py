"""`/api/v1/growth` and `/api/v1/queue-growth`."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from attune_executor.adapters.memory.store import QueueSnapshot
from attune_executor.domain.growth import DayCount
from attune_executor.domain.maintenance import Task, TaskRun
from unit.api.api_world import REF, ApiWorld, api_world

GROWTH, QUEUE_GROWTH = "/api/v1/growth", "/api/v1/queue-growth"
OTHER = "core.other"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as world:
        await world.declare(max_queue_length=100)
        await world.declare(OTHER)
        await world.submit(REF, REF, REF, REF, OTHER)
        async with asyncio.timeout(60):
            while Task.COUNT_DAYS not in world.store.maintenance or accepted(world) < 5:
                await asyncio.sleep(0.01)
        yield world


def accepted(world: ApiWorld) -> int:
    return sum(queue.total_enqueued for queue in world.engine.stats())


def today() -> date:
    return datetime.now(UTC).date()


async def asked(world: ApiWorld, path: str, **query: Any) -> Any:
    answer = await world.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_days_and_what_came_since(world: ApiWorld) -> None:
    yesterday = today() - timedelta(days=1)
    action = world.store.actions[REF].action_id
    world.store.maintenance[Task.COUNT_DAYS] = TaskRun(Task.COUNT_DAYS, time.time(), 0.1, 3)
    world.store.days |= {
        (yesterday - timedelta(days=1), action): DayCount(yesterday, 1)._replace(day=yesterday - timedelta(days=1)),
        (yesterday, action): DayCount(yesterday, 3, 2, 1, 0, 0, 9.0, 3, 6.0),
    }
    world.store.counted[action] = 1
    found = await asked(world, GROWTH, days=1)
    assert found["days"] == [
        {
            "day": yesterday.isoformat(), "executions": 3, "succeeded": 2, "failed": 1, "other": 0, "unfinished": 0,
            "average_duration_seconds": 4.5, "average_run_seconds": 2.0,
        }
    ]  # fmt: skip
    assert found["so_far"] == {"since": today().isoformat(), "executions": 4}
    assert len((await asked(world, GROWTH))["days"]) == 2
    assert (await asked(world, GROWTH, action_ref=OTHER)) == {
        "days": [],
        "so_far": {"since": today().isoformat(), "executions": 1},
    }


async def test_questions_that_make_no_sense(world: ApiWorld) -> None:
    missing = await world.client.get(GROWTH, params={"action_ref": "core.missing"})
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_action")
    for days in ("0", "36501", "many"):
        answer = await world.client.get(GROWTH, params={"days": days})
        assert (answer.status_code, answer.json()["details"]) == (422, {"field": "days"})


async def test_queues_now_and_five_minutes_ago(world: ApiWorld) -> None:
    action = world.store.actions[REF].action_id
    then = time.time() - 290
    assert (await asked(world, QUEUE_GROWTH))["snapshot_time"] is None
    world.store.snapshots += [QueueSnapshot(then - 200, action, 99, 0, 0), QueueSnapshot(then, action, 5, 1, 1)]
    found = await asked(world, QUEUE_GROWTH)
    assert datetime.fromisoformat(found["snapshot_time"]).timestamp() == pytest.approx(then, abs=0.001)
    grown = {queue["action_ref"]: queue for queue in found["queues"]}
    assert grown[REF] == {
        "action_ref": REF, "queue_now": 2, "queue_5min_ago": 5, "growth": -3, "new_requests": 3,
    }  # fmt: skip


async def test_while_the_database_is_away(world: ApiWorld) -> None:
    world.store.away = True
    for path in (GROWTH, QUEUE_GROWTH):
        assert (await world.client.get(path)).status_code == 503
    world.store.away = False
