"""Passes on to the executor what the dashboard asks for, as the user."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from aiohttp import ClientError, web

from attune_operator.ctl.dashboard.guard import SESSION, ProxyGuard, Refusal
from attune_operator.ctl.errors import CtlError
from attune_operator.ctl.executor_api import ExecutorApi
from attune_operator.ctl.tunnel import LOOPBACK

_LONGEST_BODY: Final = 1024 * 1024
_ASKED: Final = ("accept", "content-type", "if-none-match")
_ANSWERED: Final = (
    "cache-control",
    "content-security-policy",
    "content-type",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "etag",
    "referrer-policy",
    "retry-after",
    "x-content-type-options",
)
_FAREWELL_SECONDS: Final = 0.5


def listen(port: int) -> socket.socket:
    """A port of this machine alone; 0 for any that is free.

    Raises:
        CtlError: it is taken.
    """
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise CtlError(f"cannot listen on port {port}: {error.strerror}; name another by --port") from error


@asynccontextmanager
async def served(executor: ExecutorApi, guard: ProxyGuard, listening: socket.socket) -> AsyncGenerator[None]:
    """The proxy, for as long as the context lasts; who still watches then is cut off."""
    proxy = _Proxy(executor, guard)
    app = web.Application(client_max_size=_LONGEST_BODY)
    app.router.add_post(SESSION, proxy.begin)
    app.router.add_route("*", "/{path:.*}", proxy.pass_on)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_FAREWELL_SECONDS)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()


class _Proxy:
    def __init__(self, executor: ExecutorApi, guard: ProxyGuard) -> None:
        self._executor = executor
        self._guard = guard

    async def begin(self, request: web.Request) -> web.StreamResponse:
        """The key against the cookie."""
        guard = self._guard
        if refusal := guard.foreign(_headers(request), from_file=True):
            return _refused(refusal)
        if not guard.knows(str((await request.post()).get("key", ""))):
            return _refused(Refusal(HTTPStatus.FORBIDDEN, "forbidden", "This key is not, or not any more, the proxy's"))
        answer = web.HTTPSeeOther("/")
        answer.set_cookie(guard.cookie_name, guard.cookie, httponly=True, samesite="Strict", path="/")
        return answer

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        """A request of the page."""
        headers = _headers(request)
        if refusal := self._guard.refuse(request.method, request.path, headers, request.cookies):
            return _refused(refusal)
        asked = {name: headers[name] for name in _ASKED if name in headers}
        body = await request.read() if request.method == "POST" else None
        try:
            async with self._executor.answering(request.method, request.path_qs, asked, body) as found:
                answered = {name: found.headers[name] for name in _ANSWERED if name in found.headers}
                answer = web.StreamResponse(status=found.status, headers=answered)
                await answer.prepare(request)
                async for block in found.content.iter_any():
                    await answer.write(block)
                await answer.write_eof()
                return answer
        except CtlError as error:
            return _refused(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", str(error)))
        except (ClientError, TimeoutError, ConnectionError):
            # In the middle of an answer: a page that is still there sees it end, and asks again.
            if request.transport is not None:
                request.transport.abort()
            return web.Response()  # goes nowhere; raised, it would be a traceback for each page that is closed


def _headers(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _refused(refusal: Refusal) -> web.Response:
    return web.json_response({"error": refusal.error, "code": refusal.code, "details": None}, status=refusal.status)
