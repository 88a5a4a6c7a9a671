"""Who may do what: nobody without a token, and each caller only what they were granted."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from attune_executor.adapters.memory import MemoryAuthorizer
from attune_executor.api.access import OPEN_PATHS
from attune_executor.api.app import create_api
from attune_executor.api.rate_limit import SubmissionLimit
from attune_executor.api.service import AbsentHistory, AbsentService
from attune_executor.api.settings import ApiSettings
from attune_executor.ports.authorization import Caller, Verb
from unit.api.api_world import REF, ApiWorld, api_world

OTHER = "core.other"
GUARDED = [
    ("POST", "/api/v1/executions"),
    ("GET", "/api/v1/executions"),
    ("GET", "/api/v1/executions/1"),
    ("GET", "/api/v1/executions/stuck"),
    ("POST", "/api/v1/executions/1/cancel"),
    ("POST", "/api/v1/executions/1/complete"),
    ("POST", f"/api/v1/actions/{REF}/purge"),
    ("GET", f"/api/v1/actions/{REF}/queue-stats"),
    ("GET", "/api/v1/queues"),
    ("GET", "/api/v1/throughput"),
    ("GET", "/api/v1/maintenance"),
    ("POST", "/api/v1/maintenance/delete-executions/run"),
    ("GET", "/api/v1/health"),
    ("GET", f"/api/v1/actions/{REF}/waiting"),
    ("GET", "/api/v1/stream"),
    ("GET", "/api/v1/permissions"),
    ("GET", "/api/v1/growth"),
    ("GET", "/api/v1/queue-growth"),
    ("GET", "/metrics"),
    ("GET", "/no/such/path"),
]


@pytest.fixture
def authorizer() -> MemoryAuthorizer:
    return MemoryAuthorizer(
        {
            "submitter": {(Verb.CREATE, REF), (Verb.GET, REF)},
            "canceller": {(Verb.DELETE, REF)},
            "viewer": {(Verb.GET, None), (Verb.LIST, None)},
            "lister": {(Verb.LIST, REF)},
            "prometheus": set(),
        },
        metrics={"prometheus"},
    )


@pytest.fixture
async def world(authorizer: MemoryAuthorizer) -> AsyncIterator[ApiWorld]:
    async with api_world(authorizer=authorizer) as world:
        await world.declare()
        await world.declare(OTHER)
        yield world


async def ask(
    world: ApiWorld, method: str, path: str, token: str | None = None, json: object = None, scheme: str = "Bearer"
) -> httpx.Response:
    headers = {"Authorization": f"{scheme} {token}"} if token else {}
    return await world.client.request(method, path, headers=headers, json=json)


async def submit(world: ApiWorld, token: str, *refs: str) -> httpx.Response:
    body = {"executions": [{"action_ref": ref} for ref in refs]}
    return await ask(world, "POST", "/api/v1/executions", token, body)


def test_every_route_is_open_on_purpose_or_guarded_here(authorizer: MemoryAuthorizer) -> None:
    api = create_api(AbsentService(), ApiSettings(), history=AbsentHistory(), authorizer=authorizer)
    paths = set(api.openapi()["paths"])
    example = {"/1": "/{execution_id}", REF: "{ref}", "delete-executions": "{task}"}
    tried = {path for _, path in GUARDED}
    for value, name in example.items():
        tried = {path.replace(value, name) for path in tried}
    assert paths
    assert paths <= OPEN_PATHS | tried


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize(("token", "scheme"), [(None, "Bearer"), ("stranger", "Bearer"), ("viewer", "Basic")])
async def test_nobody_unknown_gets_an_answer(
    world: ApiWorld, method: str, path: str, token: str | None, scheme: str
) -> None:
    answer = await ask(world, method, path, token, scheme=scheme)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "stranger" not in answer.text


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
async def test_health_and_the_description_need_no_token(world: ApiWorld, path: str) -> None:
    assert (await ask(world, "GET", path)).status_code == 200


async def test_a_submitter_submits_to_its_action_and_to_no_other(world: ApiWorld) -> None:
    assert (await submit(world, "submitter", REF)).status_code == 201
    refused = await submit(world, "submitter", OTHER)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert refused.json()["details"] == {"verb": "create", "action_ref": OTHER}
    assert "'submitter' may not create executions of action 'core.other'" in refused.json()["error"]


async def test_a_batch_with_one_forbidden_action_is_refused_as_a_whole(world: ApiWorld) -> None:
    assert (await submit(world, "submitter", REF, OTHER)).status_code == 403
    assert not any(stats.total_enqueued for stats in world.engine.stats())
    assert (await ask(world, "GET", "/api/v1/executions", "viewer")).json()["data"] == []


class CountingAuthorizer(MemoryAuthorizer):
    """Knows how many questions there were, and how many at once."""

    asked = most_at_once = _open = 0

    async def may(self, caller: Caller, verb: Verb, action_ref: str | None) -> bool:
        self.asked += 1
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        await asyncio.sleep(0)
        self._open -= 1
        return await super().may(caller, verb, action_ref)


@pytest.mark.parametrize(("grant", "questions"), [(None, 1), ("each", 201)])
async def test_a_batch_for_very_many_actions_does_not_flood_whoever_is_asked(grant: str | None, questions: int) -> None:
    refs = [f"core.{number}" for number in range(200)]
    granted = {(Verb.CREATE, ref) for ref in refs} if grant else {(Verb.CREATE, None)}
    authorizer = CountingAuthorizer({"caller": granted})
    async with api_world(authorizer=authorizer) as world:
        for ref in refs:
            await world.declare(ref)
        assert (await submit(world, "caller", *refs)).status_code == 201
        assert authorizer.asked == questions
        assert authorizer.most_at_once <= 32
        granted.clear()
        assert (await submit(world, "caller", *refs)).status_code == 403


async def test_ending_by_hand_needs_the_verb_for_it(world: ApiWorld) -> None:
    await submit(world, "submitter", REF, REF)
    asked = (("/api/v1/executions/1/complete", None), (f"/api/v1/actions/{REF}/purge", {"expected": 9}))
    for path, body in asked:
        refused = await ask(world, "POST", path, "submitter", body)
        assert (refused.status_code, refused.json()["details"]["verb"]) == (403, "delete")
        assert (await ask(world, "POST", path, "canceller", body)).status_code == 200
    stuck = "/api/v1/executions/stuck"
    for token, path, status in (
        ("submitter", f"{stuck}?action_ref={REF}", 403),
        ("lister", f"{stuck}?action_ref={REF}", 200),
        ("lister", stuck, 403),
        ("viewer", stuck, 200),
    ):
        assert (await ask(world, "GET", path, token)).status_code == status


async def test_only_what_is_known_to_be_allowed_is_told_about(world: ApiWorld) -> None:
    await submit(world, "submitter", REF)
    path = "/api/v1/executions/1"
    statuses = {
        token: (await ask(world, "GET", path, token)).status_code for token in ("submitter", "viewer", "lister")
    }
    assert statuses == {"submitter": 200, "viewer": 200, "lister": 403}


async def test_cancelling_needs_delete_and_happens_after_the_question(world: ApiWorld) -> None:
    await submit(world, "submitter", REF, REF, REF)
    path = "/api/v1/executions/3/cancel"
    assert (await ask(world, "POST", path, "submitter")).status_code == 403
    assert (await ask(world, "GET", "/api/v1/executions/3", "viewer")).json()["data"]["status"] == "requested"
    assert (await ask(world, "POST", path, "canceller")).status_code == 202
    assert (await ask(world, "GET", "/api/v1/executions/3", "viewer")).json()["data"]["status"] == "cancelled"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/queues", {"viewer"}),
        ("/api/v1/executions", {"viewer"}),
        (f"/api/v1/executions?action_ref={REF}", {"viewer", "lister"}),
        (f"/api/v1/actions/{REF}/queue-stats", {"viewer", "submitter"}),
        (f"/api/v1/actions/{OTHER}/queue-stats", {"viewer"}),
        ("/metrics", {"prometheus"}),
    ],
)
async def test_who_may_look_at_what(world: ApiWorld, path: str, allowed: set[str]) -> None:
    callers = ("submitter", "canceller", "viewer", "lister", "prometheus")
    answers = {caller: (await ask(world, "GET", path, caller)).status_code for caller in callers}
    assert answers == {caller: 200 if caller in allowed else 403 for caller in callers}


async def test_an_authorizer_that_is_away_is_no_refusal(world: ApiWorld, authorizer: MemoryAuthorizer) -> None:
    authorizer.away = True
    answer = await submit(world, "submitter", REF)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


async def test_strangers_use_up_no_rate_limit(authorizer: MemoryAuthorizer) -> None:
    async with api_world(submissions=SubmissionLimit(1), authorizer=authorizer) as world:
        await world.declare()
        for _ in range(3):
            assert (await ask(world, "POST", "/api/v1/executions")).status_code == 401
        assert (await submit(world, "submitter", REF)).status_code == 201
