"""Keeps web pages out of an API that asks for no token: a browser on this machine reaches it for whoever wrote one.

A page of another site may send a request here, though not read the answer; one whose name was made to point here (DNS
rebinding) may read it too. Both give themselves away by the headers that every browser sends.
"""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from attune_executor.api.errors import ApiError
from attune_executor.sections import is_loopback


class LoopbackGate:
    """ASGI middleware: answers 403 to what a browser sends for another site, and to other names than this machine's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or not."""
        if scope["type"] == "http" and (flaw := foreign(Headers(scope=scope))):
            refusal = ApiError(
                HTTPStatus.FORBIDDEN,
                "foreign_request",
                f"{flaw}: call the API by this machine's own address, or have it ask for tokens (api.tokens_file)",
                headers={"Connection": "close"},
            )
            await refusal.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)


def foreign(headers: Mapping[str, str]) -> str | None:
    """Why a request is not from this machine itself; None where it is."""
    host = headers.get("host", "")
    if not is_loopback(urlsplit(f"//{host}").hostname or ""):
        return f"The request is for {host!r}, which is not this machine's own address"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return f"The request comes from a page of {origin!r}"
    return None
