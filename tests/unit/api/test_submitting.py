"""POST /api/v1/executions: one and many, accepted and refused."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from attune_executor.api.settings import ApiSettings
from attune_executor.domain.policy import Admission, QueuePolicy
from unit.api.api_world import REF, ApiWorld, api_world

PATH = "/api/v1/executions"


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world(ApiSettings(max_body_bytes=4096, max_batch=5)) as world:
        await world.declare()
        yield world


def error_of(answer: httpx.Response) -> dict[str, Any]:
    body = answer.json()
    assert set(body) == {"error", "code", "details"}
    return body


async def test_one_execution_is_accepted_and_dispatched(world: ApiWorld) -> None:
    answer = await world.client.post(PATH, json={"action_ref": REF, "parameters": {"n": 1}})
    assert answer.status_code == 201
    assert answer.json() == {
        "data": {"id": 1, "action_ref": REF, "status": "scheduled", "queue_position": 0, "duplicate": False}
    }
    assert world.store.executions[1].stored.parameters == b'{"n":1}'


async def test_parameters_stay_the_bytes_they_are(world: ApiWorld) -> None:
    parameters = b'{ "big": 123456789012345678901234567890.10, "text": "\\u00e9\\n" }'
    answer = await world.client.post(
        PATH, content=b'{"action_ref": "%s", "parameters": %s }' % (REF.encode(), parameters)
    )
    assert answer.status_code == 201
    assert world.store.executions[1].stored.parameters == parameters


async def test_parameters_may_be_left_out(world: ApiWorld) -> None:
    assert (await world.client.post(PATH, json={"action_ref": REF})).status_code == 201
    assert world.store.executions[1].stored.parameters == b"{}"


async def test_positions_follow_acceptance(world: ApiWorld) -> None:
    answer = await world.submit(REF, REF, REF, REF)
    assert answer.status_code == 201
    assert [(item["status"], item["queue_position"]) for item in answer.json()["data"]] == [
        ("scheduled", 0),
        ("scheduled", 0),
        ("requested", 1),
        ("requested", 2),
    ]


async def test_an_unknown_action_is_not_found(world: ApiWorld) -> None:
    answer = await world.client.post(PATH, json={"action_ref": "core.missing"})
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "unknown_action"
    assert "core.missing" in answer.json()["error"]


async def test_a_closed_action_is_in_conflict(world: ApiWorld) -> None:
    await world.engine.set_policy(REF, QueuePolicy(concurrency=2, admission=Admission.CLOSED))
    answer = await world.client.post(PATH, json={"action_ref": REF})
    assert answer.status_code == 409
    assert error_of(answer)["code"] == "action_disabled"


async def test_a_full_queue_says_so_and_when_to_come_back(world: ApiWorld) -> None:
    assert (await world.submit(*[REF] * 5)).status_code == 201
    answer = await world.client.post(PATH, json={"action_ref": REF})
    assert answer.status_code == 429
    assert error_of(answer)["error"] == "Queue full (max length: 3)"
    assert answer.json()["code"] == "queue_full"
    assert int(answer.headers["Retry-After"]) == answer.json()["details"]["retry_after_seconds"] >= 1


async def test_a_batch_of_which_some_is_refused(world: ApiWorld) -> None:
    answer = await world.submit(REF, "core.missing", REF)
    assert answer.status_code == 207
    first, second, third = answer.json()["data"]
    assert (first["id"], third["id"]) == (1, 2)
    assert second["code"] == "unknown_action"
    assert "Retry-After" not in answer.headers


async def test_a_batch_refused_as_a_whole_is_an_error_with_an_outcome_each(world: ApiWorld) -> None:
    await world.submit(*[REF] * 5)
    answer = await world.submit(REF, REF)
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers
    body = answer.json()
    assert set(body) == {"error", "code", "details", "data"}
    assert body["code"] == "queue_full"
    assert "Queue full (max length: 3)" in body["error"]
    assert [item["code"] for item in body["data"]] == ["queue_full"] * 2


async def test_a_batch_refused_for_different_reasons(world: ApiWorld) -> None:
    await world.submit(*[REF] * 5)
    answer = await world.submit(REF, "core.missing")
    assert answer.status_code == 207
    assert [item["code"] for item in answer.json()["data"]] == ["queue_full", "unknown_action"]


async def test_one_idempotency_key_one_execution(world: ApiWorld) -> None:
    body = {"action_ref": REF}
    first = await world.client.post(PATH, json=body, headers={"Idempotency-Key": "k-1"})
    again = await world.client.post(PATH, json=body, headers={"Idempotency-Key": "k-1"})
    in_body = await world.client.post(PATH, json={**body, "idempotency_key": "k-1"})
    assert [answer.status_code for answer in (first, again, in_body)] == [201] * 3
    assert [answer.json()["data"]["id"] for answer in (first, again, in_body)] == [1, 1, 1]
    assert [answer.json()["data"]["duplicate"] for answer in (first, again, in_body)] == [False, True, True]
    assert len(world.store.executions) == 1


async def test_a_batch_has_a_key_for_each(world: ApiWorld) -> None:
    entry = {"action_ref": REF, "idempotency_key": "k-2"}
    answer = await world.client.post(PATH, json={"executions": [entry, {"action_ref": REF}, entry]})
    assert answer.status_code == 201
    ids = [item["id"] for item in answer.json()["data"]]
    assert ids[0] == ids[2] != ids[1]


def batch(**entry: Any) -> bytes:
    return json.dumps({"executions": [{"action_ref": REF}, {"action_ref": REF, **entry}]}).encode()


DEEP = b"[" * 1800


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        (b"", None, "not valid JSON"),
        (b'{"action_ref": "core.echo"', None, "not valid JSON"),
        (b'{"action_ref": "core.echo"} trailing', None, "trailing"),
        (b'{"action_ref": "caf\xe9"}', None, "not valid JSON"),
        (b"[]", None, "Expected `object`, got `array`"),
        (b"{}", "action_ref", "missing required field `action_ref`"),
        (b'{"action_ref": 5}', "action_ref", "Expected `str`, got `int`"),
        (b'{"action_ref": ""}', "action_ref", "length >= 1"),
        (b'{"action_ref": "a\\u0000b"}', "action_ref", "regex"),
        (b'{"action": "core.echo"}', "action", "unknown field `action`"),
        (b'{"action_ref": "a", "parameters": [1]}', "parameters", "Expected `object`"),
        (b'{"action_ref": "a", "parameters": null}', "parameters", "Expected `object`"),
        (b'{"action_ref": "a", "parameters": {"x": "\\u0000"}}', "parameters", "u0000"),
        (b'{"action_ref": "a", "parameters": {"x": 1e400}}', "parameters", "infinity"),
        (b'{"action_ref": "a", "parameters": {"x": "\\ud800"}}', None, "not valid JSON"),
        (b'{"action_ref": "a", "parameters": {"x": ' + DEEP, None, "nested too deeply"),
        (b'{"action_ref": "a", "idempotency_key": ""}', "idempotency_key", "length >= 1"),
        (b'{"executions": []}', "executions", "send 1 to 5"),
        (b'{"executions": [{}, {}, {}, {}, {}, {}]}', "executions[0].action_ref", "missing"),
        (json.dumps({"executions": [{"action_ref": REF}] * 6}).encode(), "executions", "send 1 to 5"),
        (b'{"executions": [{"action_ref": "a"}], "action_ref": "a"}', "executions", "one or the other"),
        (batch(action_ref=None), "executions[1].action_ref", "Expected `str`, got `null`"),
        (batch(prameters={}), "executions[1].prameters", "unknown field"),
        (batch(parameters="text"), "executions[1].parameters", "Expected `object`"),
        (batch(parameters={"x": "\0"}), "executions[1].parameters", "u0000"),
    ],
)
async def test_what_is_not_understood_is_named(world: ApiWorld, body: bytes, field: str | None, says: str) -> None:
    answer = await world.client.post(PATH, content=body)
    assert answer.status_code == 422
    error = error_of(answer)
    assert error["code"] == "invalid_request"
    assert says in error["error"]
    assert error["details"] == (None if field is None else {"field": field})
    assert world.store.executions == {}


@pytest.mark.parametrize("key", ["", "k" * 256, "a\tb"])
async def test_a_key_that_cannot_be_kept_is_refused(world: ApiWorld, key: str) -> None:
    answer = await world.client.post(PATH, json={"action_ref": REF}, headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert error_of(answer)["details"] == {"field": "Idempotency-Key"}


async def test_two_different_keys_are_refused(world: ApiWorld) -> None:
    body = {"action_ref": REF, "idempotency_key": "one"}
    answer = await world.client.post(PATH, json=body, headers={"Idempotency-Key": "two"})
    assert answer.status_code == 422
    assert error_of(answer)["details"] == {"field": "idempotency_key"}


async def test_a_header_key_is_not_for_a_batch(world: ApiWorld) -> None:
    answer = await world.client.post(PATH, content=batch(), headers={"Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert "give each of `executions`" in error_of(answer)["error"]


async def test_a_body_over_the_limit_is_too_large(world: ApiWorld) -> None:
    answer = await world.client.post(PATH, json={"action_ref": REF, "parameters": {"x": "y" * 5000}})
    assert answer.status_code == 413
    assert error_of(answer)["details"] == {"max_body_bytes": 4096}
    assert "api.max_body_bytes" in answer.json()["error"]


def unavailable_journal(world: ApiWorld) -> None:
    world.store.away = True


def unavailable_broker(world: ApiWorld) -> None:
    world.broker.away = True


@pytest.mark.parametrize("fail", [unavailable_journal, unavailable_broker])
async def test_without_database_or_broker_the_caller_is_told_to_come_back(
    world: ApiWorld, fail: Callable[[ApiWorld], None]
) -> None:
    fail(world)
    answer = await world.client.post(PATH, json={"action_ref": REF})
    assert answer.status_code == 503
    assert error_of(answer)["code"] == "unavailable"
    assert int(answer.headers["Retry-After"]) >= 1
    assert (await world.client.get("/readyz")).status_code == 503
    assert world.store.executions == {}
    world.store.away = world.broker.away = False


async def test_one_callers_nonsense_disturbs_no_other(world: ApiWorld) -> None:
    for body in (b"{", b'{"action_ref": "core.missing"}', b'{"x": ' + DEEP):
        await world.client.post(PATH, content=body)
    assert (await world.client.post(PATH, json={"action_ref": REF})).status_code == 201
