"""Listing executions: filters, pages, and what is not understood."""

from collections.abc import AsyncIterator

import httpx
import pytest

from unit.api.api_world import REF, ApiWorld, api_world

PATH = "/api/v1/executions"
OTHER = "core.other"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as world:
        await world.declare(max_queue_length=100)
        await world.declare(OTHER)
        await world.submit(REF, OTHER, REF, REF, REF)
        yield world


def ids(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200
    return [item["id"] for item in answer.json()["data"]]


async def test_the_last_accepted_come_first(world: ApiWorld) -> None:
    answer = await world.client.get(PATH)
    assert ids(answer) == [5, 4, 3, 2, 1]
    assert answer.json()["next"] is None
    entry = answer.json()["data"][0]
    assert set(entry) == {
        "id", "action_id", "action_ref", "status", "attempt", "worker", "created", "started_at", "updated"
    }  # fmt: skip
    assert (entry["action_ref"], entry["status"]) == (REF, "requested")


async def test_filters_and_order(world: ApiWorld) -> None:
    assert ids(await world.client.get(PATH, params={"action_ref": OTHER})) == [2]
    assert ids(await world.client.get(PATH, params={"status": "scheduled", "order": "oldest"})) == [1, 2, 3]
    assert ids(await world.client.get(PATH, params={"status": "failed"})) == []


async def test_pages(world: ApiWorld) -> None:
    first = await world.client.get(PATH, params={"action_ref": REF, "limit": 3})
    assert ids(first) == [5, 4, 3]
    after = first.json()["next"]
    second = await world.client.get(PATH, params={"action_ref": REF, "limit": 3, "after": after})
    assert (ids(second), second.json()["next"]) == ([1], None)


async def test_an_unknown_action(world: ApiWorld) -> None:
    answer = await world.client.get(PATH, params={"action_ref": "core.missing"})
    assert answer.status_code == 404
    assert (answer.json()["code"], answer.json()["details"]) == ("unknown_action", {"action_ref": "core.missing"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("status", "done"), ("order", "up"), ("limit", "0"), ("limit", "501"), ("after", "x"), ("after", str(2**63))],
)
async def test_what_is_not_understood_is_named(world: ApiWorld, name: str, value: str) -> None:
    answer = await world.client.get(PATH, params={name: value})
    assert answer.status_code == 422
    assert answer.json()["details"] == {"field": name}


async def test_without_the_database_the_caller_is_told_to_come_back(world: ApiWorld) -> None:
    world.store.away = True
    answer = await world.client.get(PATH)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    world.store.away = False
