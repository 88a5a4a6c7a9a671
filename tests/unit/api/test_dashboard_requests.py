"""What the dashboard asks for: its own files, who waits, what the caller may do, and the stream."""

import hashlib
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest

from attune_executor.adapters.memory import MemoryAuthorizer
from attune_executor.api import stream as stream_module
from attune_executor.api.dashboard import PAGES
from attune_executor.ports.authorization import Verb
from unit.api.api_world import REF, ApiWorld, api_world

HTM_PREACT = "72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7"
"""SHA-256 of `preact/standalone.module.js` in htm 3.1.1 of the npm registry."""


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as world:
        await world.declare(max_queue_length=10)
        yield world


@pytest.mark.parametrize("path", PAGES)
async def test_files_load_nothing_from_elsewhere_and_are_not_sent_twice(world: ApiWorld, path: str) -> None:
    answer = await world.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == PAGES[path][1]
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    again = await world.client.get(path, headers={"If-None-Match": f'"other", W/{answer.headers["ETag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert (await world.client.head(path)).status_code == 200


def test_every_file_is_served_and_the_library_is_what_its_makers_published() -> None:
    folder = Path(str(files("attune_executor") / "dashboard"))
    there = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert there - {"vendor/LICENSE.htm", "vendor/LICENSE.preact"} == {name for name, _ in PAGES.values()}
    assert hashlib.sha256((folder / "vendor/htm-preact-3.1.1.js").read_bytes()).hexdigest() == HTM_PREACT


async def test_those_that_wait_are_told_in_line_with_when_they_start(world: ApiWorld) -> None:
    await world.submit(*[REF] * 6)
    waiting = (await world.client.get(f"/api/v1/actions/{REF}/waiting")).json()["data"]
    assert [(each["id"], each["queue_position"], each["estimated_start"]) for each in waiting] == [
        (3, 1, None), (4, 2, None), (5, 3, None), (6, 4, None),
    ]  # fmt: skip
    assert len((await world.client.get(f"/api/v1/actions/{REF}/waiting?limit=2")).json()["data"]) == 2
    assert (await world.client.get("/api/v1/actions/core.none/waiting")).status_code == 404
    assert (await world.client.get(f"/api/v1/actions/{REF}/waiting?limit=0")).status_code == 422


async def test_permissions_say_what_will_not_be_refused() -> None:
    authorizer = MemoryAuthorizer({"someone": {(Verb.GET, REF), (Verb.DELETE, REF), (Verb.LIST, None)}})
    async with api_world(authorizer=authorizer) as world:
        headers = {"Authorization": "Bearer someone"}
        of_all = (await world.client.get("/api/v1/permissions", headers=headers)).json()["data"]
        assert of_all == {"caller": "someone", "action_ref": None, "verbs": ["list"]}
        of_one = (await world.client.get(f"/api/v1/permissions?action_ref={REF}", headers=headers)).json()["data"]
        assert set(of_one["verbs"]) >= {"get", "delete"}
        assert "create" not in of_one["verbs"]


async def test_the_stream_is_for_those_who_may_list_every_action() -> None:
    authorizer = MemoryAuthorizer({"viewer": {(Verb.LIST, None)}, "lister": {(Verb.LIST, REF)}})
    async with api_world(authorizer=authorizer) as world:
        path = "/api/v1/stream?seconds=0"
        answer = await world.client.get(path, headers={"Authorization": "Bearer viewer"})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.text.startswith("event: picture\ndata: {")
        assert (await world.client.get(path, headers={"Authorization": "Bearer lister"})).status_code == 403
        assert (await world.client.get(path)).status_code == 401


async def test_no_more_may_watch_than_can_be_served(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "MOST_WATCHERS", 0)
    refused = await world.client.get("/api/v1/stream")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
    assert "close some dashboards" in refused.json()["error"]
    assert refused.json()["code"] == "unavailable"
