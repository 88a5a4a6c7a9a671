"""Purging by HTTP: what is cancelled, what is left alone, and when nothing is."""

from collections.abc import AsyncIterator

import httpx
import pytest

from unit.api.api_world import REF, ApiWorld, api_world

OTHER = "core.other"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as world:
        await world.declare(concurrency=1, max_queue_length=100)
        await world.declare(OTHER, concurrency=1, max_queue_length=100)
        await world.submit(*[REF] * 21, *[OTHER] * 3)
        yield world


async def purge(world: ApiWorld, body: object, ref: str = REF) -> httpx.Response:
    return await world.client.post(f"/api/v1/actions/{ref}/purge", json=body)


def statuses(world: ApiWorld, ref: str) -> list[str]:
    return [row.stored.status.value for row in world.store.executions.values() if row.stored.action_ref == ref]


async def test_what_waits_is_cancelled_and_nothing_else(world: ApiWorld) -> None:
    answer = await purge(world, {"expected": 20})
    assert answer.status_code == 200
    assert answer.json()["data"] == {"action_ref": REF, "cancelled": 20, "remaining": 0, "up_to": 21}
    assert statuses(world, REF) == ["scheduled", *["cancelled"] * 20]
    assert statuses(world, OTHER) == ["scheduled", "requested", "requested"]
    shown = (await world.client.get("/api/v1/executions/21")).json()["data"]
    assert shown["result"] == {"error": "cancelled: its queue was purged"}
    assert (await purge(world, {"expected": 20})).json()["data"]["cancelled"] == 0, "to repeat it is safe"


@pytest.mark.parametrize(("expected", "status"), [(20, 200), (19, 200), (18, 409), (0, 409)])
async def test_a_tenth_more_than_was_seen_may_wait(world: ApiWorld, expected: int, status: int) -> None:
    answer = await purge(world, {"expected": expected})
    assert answer.status_code == status
    if status == 409:
        assert answer.json()["code"] == "more_waiting"
        assert answer.json()["details"] == {"queue_length": 20, "expected": expected}
        assert "cancelled" not in statuses(world, REF)


async def test_what_came_after_the_first_request_is_not_meant_by_the_next(world: ApiWorld) -> None:
    answer = await purge(world, {"expected": 10, "up_to": 11})
    assert answer.json()["data"] == {"action_ref": REF, "cancelled": 10, "remaining": 0, "up_to": 11}
    assert statuses(world, REF) == ["scheduled", *["cancelled"] * 10, *["requested"] * 10]


async def test_an_action_that_nobody_knows(world: ApiWorld) -> None:
    answer = await purge(world, {"expected": 1}, "core.unknown")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_action")


@pytest.mark.parametrize(
    ("body", "field"), [({}, "expected"), ({"expected": -1}, "expected"), ({"expected": 1, "force": True}, "force")]
)
async def test_how_many_were_seen_must_be_said(world: ApiWorld, body: object, field: str) -> None:
    answer = await purge(world, body)
    assert (answer.status_code, answer.json()["details"]) == (422, {"field": field})
