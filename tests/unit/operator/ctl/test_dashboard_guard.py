"""Who may use the proxy of `attune dashboard`, and how the browser gets its key."""

import stat

import pytest

from attune_operator.ctl.dashboard.guard import ProxyGuard
from attune_operator.ctl.dashboard.handover import key_file

GUARD = ProxyGuard(4711)
HERE = {"host": "127.0.0.1:4711"}
COOKIES = {"attune-4711": GUARD.cookie}
STREAM = "/api/v1/stream"


@pytest.mark.parametrize("path", ["/", "/dashboard/app.js"])
def test_the_page_itself_is_no_secret(path: str) -> None:
    assert GUARD.refuse("GET", path, HERE, {}) is None
    assert GUARD.refuse("POST", path, HERE, COOKIES) is not None


def test_what_it_shows_is_for_who_has_the_cookie_or_the_key() -> None:
    assert GUARD.refuse("GET", STREAM, HERE, COOKIES) is None
    own_page = {**HERE, "origin": "http://127.0.0.1:4711", "sec-fetch-site": "same-origin"}
    assert GUARD.refuse("POST", "/api/v1/executions/1/cancel", own_page, COOKIES) is None
    assert GUARD.refuse("GET", STREAM, {**HERE, "authorization": f"Bearer {GUARD.key}"}, {}) is None
    for headers, cookies in (
        ({}, {}),
        ({}, {"attune-4711": ""}),
        ({}, {"attune-4711": GUARD.key}),
        ({}, {"attune-4712": GUARD.cookie}),
        ({"authorization": f"Bearer {GUARD.cookie}"}, {}),
        ({"authorization": "Bearer "}, {}),
        ({"authorization": "Bearer é"}, {}),
        ({"authorization": "Bearer \udce9"}, {}),
    ):
        refusal = GUARD.refuse("GET", STREAM, {**HERE, **headers}, cookies)
        assert refusal is not None
        assert (refusal.status, refusal.code) == (401, "unauthenticated")
        assert GUARD.key not in refusal.error


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:4711"},
        {"host": "127.0.0.1"},
        {"host": "127.0.0.1:4712"},
        {},
        {**HERE, "origin": "https://evil.example"},
        {**HERE, "origin": "http://localhost:4711"},
        {**HERE, "origin": "null"},
        {**HERE, "sec-fetch-site": "cross-site"},
        {**HERE, "sec-fetch-site": "same-site"},
    ],
)
def test_pages_of_others_get_nothing_even_with_the_cookie(headers: dict[str, str]) -> None:
    refusal = GUARD.refuse("POST", "/api/v1/executions/1/cancel", headers, COOKIES)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (403, "foreign_request")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/metrics", 404), ("GET", "/api", 404), ("DELETE", "/api/v1/executions/1", 405), ("PUT", "/", 405)],
)
def test_nothing_else_is_passed_on(method: str, path: str, status: int) -> None:
    refusal = GUARD.refuse(method, path, HERE, COOKIES)
    assert refusal is not None
    assert refusal.status == status


def test_the_key_is_in_a_file_of_the_user_alone_and_gone_afterwards() -> None:
    with key_file("http://127.0.0.1:4711", GUARD.key) as file:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        page = file.read_text()
        assert 'action="http://127.0.0.1:4711/session"' in page
        assert f'value="{GUARD.key}"' in page
    assert not file.parent.exists()
    assert GUARD.key not in repr(GUARD)
    assert GUARD.foreign({**HERE, "origin": "null"}, from_file=True) is None
    assert GUARD.foreign({**HERE, "origin": "https://evil.example"}, from_file=True) is not None
