"""An API without tokens answers this machine's programs, and no web page that a browser on it shows."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from attune_executor.api.loopback import LoopbackGate


async def ran(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("ran")


@pytest.fixture
def transport() -> httpx.ASGITransport:
    return httpx.ASGITransport(LoopbackGate(Starlette(routes=[Route("/", ran, methods=["POST"])])))


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:8080", None, 200),
        ("127.0.0.1:8080", None, 200),
        ("[::1]:8080", None, 200),
        ("localhost:8080", "http://localhost:8080", 200),
        ("localhost:8080", "https://example.org", 403),
        ("localhost:8080", "http://localhost:9000", 403),
        ("localhost:8080", "null", 403),
        ("example.org:8080", "http://example.org:8080", 403),
        ("10.0.0.1:8080", None, 403),
        ("", None, 403),
    ],
)
async def test_who_is_answered(transport: httpx.ASGITransport, host: str, origin: str | None, status: int) -> None:
    headers = {"Host": host, **({"Origin": origin} if origin else {})}
    async with httpx.AsyncClient(transport=transport) as client:
        answer = await client.post("http://localhost/", headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "foreign_request"
        assert "api.tokens_file" in answer.json()["error"]
