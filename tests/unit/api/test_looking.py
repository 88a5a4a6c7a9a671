"""What the API shows: executions, queues, metrics, health, and that every error has one shape."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import NoReturn

import pytest
from prometheus_client.parser import text_string_to_metric_families

from attune_executor.api.metrics import metrics_registry
from attune_executor.api.settings import ApiSettings
from attune_executor.domain.policy import Admission
from unit.api.api_world import REF, ApiWorld, api_world

IDLE = "core.idle"
HELD = "core.held"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world(ApiSettings(turn_stall_seconds=0.5)) as world:
        await world.declare()
        await world.declare(IDLE, concurrency=7)
        yield world


async def settled(world: ApiWorld, total_completed: int) -> None:
    async with asyncio.timeout(60):
        while sum(stats.total_completed for stats in world.engine.stats()) != total_completed:
            await asyncio.sleep(0.005)


async def test_an_execution_while_it_waits_and_when_it_is_done(world: ApiWorld) -> None:
    await world.submit(REF, REF, REF)
    waiting = (await world.client.get("/api/v1/executions/3")).json()["data"]
    assert (waiting["status"], waiting["queue_position"], waiting["attempt"]) == ("requested", 1, 0)
    assert (waiting["result"], waiting["started_at"], waiting["worker"]) == (None, None, None)
    world.finish(1)
    await settled(world, 1)
    done = (await world.client.get("/api/v1/executions/1")).json()["data"]
    assert (done["status"], done["result"], done["worker"]) == ("succeeded", {"done": True}, "worker-1")
    assert (done["action_ref"], done["parameters"], done["queue_position"]) == (REF, {}, None)
    assert datetime.fromisoformat(done["created"]).timestamp() == world.clock.now()
    assert (await world.client.get("/api/v1/executions/3")).json()["data"]["status"] == "scheduled"


async def test_the_estimated_start_follows_from_measured_run_times(world: ApiWorld) -> None:
    await world.submit(REF, REF, REF)
    assert (await world.client.get("/api/v1/executions/3")).json()["data"]["estimated_start"] is None
    world.clock.advance(10)
    world.finish(1)
    await settled(world, 1)
    await world.submit(REF)
    estimated = (await world.client.get("/api/v1/executions/4")).json()["data"]["estimated_start"]
    assert datetime.fromisoformat(estimated).timestamp() >= time.time() - 5


async def test_queue_stats_are_the_runbooks(world: ApiWorld) -> None:
    await world.submit(REF, REF, REF, REF, REF, REF)
    answer = await world.client.get(f"/api/v1/actions/{REF}/queue-stats")
    assert answer.status_code == 200
    data = answer.json()["data"]
    oldest, updated = data.pop("oldest_enqueued_at"), data.pop("last_updated")
    assert data == {
        "action_id": 1,
        "action_ref": REF,
        "queue_length": 3,
        "active_count": 2,
        "max_concurrent": 2,
        "total_enqueued": 5,
        "total_completed": 0,
        "total_rejected": 1,
        "admission": "Open",
    }
    for moment in (oldest, updated):
        # Executions of one moment are told apart by microseconds.
        assert datetime.fromisoformat(moment).timestamp() == pytest.approx(world.clock.now(), abs=0.001)
        assert moment.endswith(("Z", "+00:00"))
    idle = (await world.client.get(f"/api/v1/actions/{IDLE}/queue-stats")).json()["data"]
    assert (idle["queue_length"], idle["oldest_enqueued_at"]) == (0, None)


async def test_all_queues(world: ApiWorld) -> None:
    async with asyncio.timeout(60):
        while len(world.engine.stats()) < 2:
            await asyncio.sleep(0.005)
    answer = await world.client.get("/api/v1/queues")
    assert [queue["action_ref"] for queue in answer.json()["data"]] == [REF, IDLE]


async def samples(world: ApiWorld, headers: Mapping[str, str]) -> dict[tuple[str, str], float]:
    answer = await world.client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    return {
        (sample.name, sample.labels.get("action", "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.mark.parametrize("accept", [{}, {"Accept": "application/openmetrics-text; version=1.0.0"}])
async def test_metrics_have_the_runbooks_names(world: ApiWorld, accept: dict[str, str]) -> None:
    await world.submit(REF, REF, REF, REF, REF, REF)
    world.finish(1)
    await settled(world, 1)
    found = await samples(world, accept)
    assert found["attune_queue_length", REF] == 2
    assert found["attune_queue_active", REF] == 2
    assert found["attune_queue_max_concurrent", REF] == 2
    assert found["attune_queue_last_updated", REF] == world.clock.now()
    # The clock of the queues stands in 2023: what waits has aged since.
    assert found["attune_queue_oldest_age_seconds", REF] == pytest.approx(time.time() - world.clock.now(), abs=5)
    assert found["attune_executions_enqueued_total", REF] == 5
    assert found["attune_executions_completed_total", REF] == 1
    assert found["attune_executions_rejected_total", REF] == 1
    assert found["attune_engine_serving", ""] == 1


async def test_an_idle_queue_does_not_look_stuck(world: ApiWorld) -> None:
    """The runbook's StuckQueue alert: attune_queue_last_updated < time() - 600."""
    async with asyncio.timeout(60):
        while len(world.engine.stats()) < 2:
            await asyncio.sleep(0.005)
    found = await samples(world, {})
    assert found["attune_queue_last_updated", IDLE] == pytest.approx(time.time(), abs=5)
    assert found["attune_queue_oldest_age_seconds", IDLE] == 0


async def test_alive_and_ready(world: ApiWorld) -> None:
    assert (await world.client.get("/livez")).status_code == 200
    assert (await world.client.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("DELETE", "/api/v1/executions", 405, "method_not_allowed"),
        ("GET", "/api/v1/executions/99", 404, "unknown_execution"),
        ("GET", "/api/v1/executions/abc", 422, "invalid_request"),
        ("GET", "/api/v1/executions/0", 422, "invalid_request"),
        ("GET", "/api/v1/executions/9223372036854775808", 422, "invalid_request"),
        ("GET", "/api/v1/actions/core.missing/queue-stats", 404, "unknown_action"),
    ],
)
async def test_every_error_has_one_shape(world: ApiWorld, method: str, path: str, status: int, code: str) -> None:
    answer = await world.client.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "code", "details"}
    assert answer.json()["code"] == code
    assert answer.headers["content-type"] == "application/json"


async def test_a_method_that_is_not_allowed_names_those_that_are(world: ApiWorld) -> None:
    allowed = (await world.client.delete("/api/v1/executions")).headers["Allow"]
    assert set(allowed.split(", ")) == {"GET", "POST"}


async def test_a_defect_is_answered_in_the_same_shape(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(world.engine, "stats", fail)
    answer = await world.client.get("/api/v1/queues")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert set(answer.json()) == {"error", "code", "details"}


async def test_a_held_queue_tells_that_it_is_held_and_does_not_look_stuck(world: ApiWorld) -> None:
    await world.declare(HELD, admission=Admission.HOLD)
    await world.submit(HELD)
    registry = metrics_registry(world.engine)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"action": HELD, **labels})

    async with asyncio.timeout(60):
        while value("attune_queue_length") != 1:
            await asyncio.sleep(0.005)
    assert value("attune_queue_last_updated") == pytest.approx(time.time(), abs=5)
    assert value("attune_queue_admission", admission="Hold") == 1
    assert value("attune_queue_admission", admission="Open") is None
    await world.declare(HELD, admission=Admission.OPEN)
    async with asyncio.timeout(60):
        while value("attune_queue_admission", admission="Open") != 1:
            await asyncio.sleep(0.005)
    # The clock of the queues stands in 2023.
    assert value("attune_queue_last_updated") == world.clock.now()
