"""Cancelling by HTTP: what each outcome is answered."""

from collections.abc import AsyncIterator

import pytest

from attune_executor.domain.submission import Intervention
from attune_executor.engine.views import UnavailableError
from unit.api.api_world import REF, ApiWorld, api_world


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as world:
        await world.declare(concurrency=1)
        await world.submit(REF, REF)
        yield world


async def test_one_that_waits_is_cancelled(world: ApiWorld) -> None:
    answer = await world.client.post("/api/v1/executions/2/cancel")
    assert answer.status_code == 202
    assert (answer.json()["data"]["id"], answer.json()["data"]["status"]) == (2, "cancelled")


async def test_one_that_runs_is_shown_as_it_is_until_its_worker_stops_it(world: ApiWorld) -> None:
    answer = await world.client.post("/api/v1/executions/1/cancel")
    assert answer.status_code == 202
    assert answer.json()["data"]["status"] == "scheduled"


async def test_one_that_has_ended_stays_as_it_ended(world: ApiWorld) -> None:
    await world.client.post("/api/v1/executions/2/cancel")
    answer = await world.client.post("/api/v1/executions/2/cancel")
    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["details"]) == ("already_ended", {"status": "cancelled"})


async def test_one_that_nobody_knows(world: ApiWorld) -> None:
    answer = await world.client.post("/api/v1/executions/99/cancel")
    assert answer.status_code == 404
    assert answer.json()["code"] == "unknown_execution"


async def test_while_the_engine_is_away(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancel(execution_id: int) -> Intervention:
        raise UnavailableError(f"database away, cannot cancel {execution_id}")

    monkeypatch.setattr(world.engine, "cancel", cancel, raising=False)
    answer = await world.client.post("/api/v1/executions/1/cancel")
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
