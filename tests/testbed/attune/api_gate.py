"""A way to the API server on which a test counts every request, and has some answered otherwise than it would."""

import asyncio
import base64
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web
from multidict import CIMultiDict

from testbed.cluster.kubectl import Kubectl

_HOP_BY_HOP = frozenset({"host", "connection", "content-length", "transfer-encoding", "authorization"})
_TLS_CLOSES_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: when it came, on the monotonic clock, and how it was answered."""

    at: float
    method: str
    path: str
    watch: bool
    agent: str
    status: int


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Fault = Callable[[web.Request], Answer | None]
"""What answers a request in the server's place; None: the server itself."""


class ApiGate:
    """Listens on a port of its own, without TLS, and asks the API server with `token` or kubectl's own credentials.

    Attributes:
        fault: what is answered otherwise; may be set and unset at any time.
        seen: every request that was answered, or whose answer has begun.
        only_namespace: what a question for all namespaces is narrowed to, so that a test keeps to its own.
    """

    def __init__(self, kubectl: Kubectl, token: str | None = None, only_namespace: str | None = None) -> None:
        printed = kubectl.run("config", "view", "--minify", "--raw", "--flatten", "--output=json")
        self._config: dict[str, Any] = json.loads(printed)
        self._server = str(self._config["clusters"][0]["cluster"]["server"])
        self._token = token
        self.only_namespace = only_namespace
        self.fault: Fault | None = None
        self.seen: list[Seen] = []
        self._port = 0
        self._watching: set[asyncio.Transport] = set()

    def __enter__(self) -> Self:
        listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(listening)), name="api gate")
        self._thread.start()
        listening.wait()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def kubeconfig(self) -> dict[str, Any]:
        """A kubeconfig that leads here."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "gate",
            "clusters": [{"name": "gate", "cluster": {"server": self.url}}],
            "users": [{"name": "gate", "user": {}}],
            "contexts": [{"name": "gate", "context": {"cluster": "gate", "user": "gate"}}],
        }

    def drop_watches(self) -> None:
        """Break the watches that are open."""

        def drop() -> None:
            for transport in self._watching:
                transport.abort()

        self._loop.call_soon_threadsafe(drop)

    def since(self, moment: float) -> list[Seen]:
        """The requests that came after a moment of the monotonic clock."""
        return [seen for seen in list(self.seen) if seen.at >= moment]

    async def _serve(self, listening: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port = runner.addresses[0][1]
        async with ClientSession(
            connector=TCPConnector(ssl=self._tls(), limit=0), timeout=ClientTimeout(total=None), auto_decompress=False
        ) as self._session:
            listening.set()
            await self._stop.wait()
            await runner.cleanup()
        # aiohttp closes TLS connections in the background, and says itself to wait for it.
        await asyncio.sleep(_TLS_CLOSES_SECONDS)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        fault = self.fault(request) if self.fault is not None else None
        at = time.monotonic()
        watch = "watch" in request.query
        agent = request.headers.get("User-Agent", "")

        def note(status: int) -> None:
            self.seen.append(Seen(at, request.method, request.path, watch, agent, status))

        if fault is not None:
            response = await fault(request)
            note(response.status)
            return response
        return await self._pass_on(request, note)

    async def _pass_on(self, request: web.Request, note: Callable[[int], None]) -> web.StreamResponse:
        headers = _end_to_end(request.headers)
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        query = list(request.query.items())
        if self.only_namespace is not None and "/namespaces/" not in request.path and request.method == "GET":
            query.append(("fieldSelector", f"metadata.namespace={self.only_namespace}"))
        body = await request.read() if request.can_read_body else None
        async with self._session.request(
            request.method, self._server + request.path, params=query, headers=headers, data=body
        ) as answer:
            response = web.StreamResponse(status=answer.status, headers=_end_to_end(answer.headers))
            await response.prepare(request)
            note(answer.status)
            transport = request.transport
            if "watch" in request.query and transport is not None:
                self._watching.add(transport)
            try:
                async for data in answer.content.iter_any():
                    await response.write(data)
                await response.write_eof()
            finally:
                self._watching.discard(transport)
        return response

    def _tls(self) -> ssl.SSLContext:
        """The trust and, without a token, the client certificate of the kubeconfig."""
        cluster, user = self._config["clusters"][0]["cluster"], self._config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
        if self._token is None and "client-certificate-data" in user:
            with tempfile.TemporaryDirectory() as folder:
                files = [Path(folder, "certificate"), Path(folder, "key")]
                for file, field in zip(files, ("client-certificate-data", "client-key-data"), strict=True):
                    file.write_bytes(base64.b64decode(user[field]))
                context.load_cert_chain(files[0], files[1])
        elif self._token is None:
            self._token = str(user["token"])
        return context


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers that are meant for the other end rather than for this connection."""
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP)


async def throttled(_request: web.Request) -> web.StreamResponse:
    """Too busy: ask again in two seconds."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "too many requests", "code": 429}
    return web.json_response(status, status=429, headers={"Retry-After": "2"})


async def conflict(_request: web.Request) -> web.StreamResponse:
    """Somebody else has changed the object."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "object was modified", "code": 409}
    return web.json_response(status, status=409)


async def unavailable(_request: web.Request) -> web.StreamResponse:
    """No API server behind the load balancer."""
    return web.Response(status=503, text="no healthy upstream")


async def gone(_request: web.Request) -> web.StreamResponse:
    """A watch from a version that the API server has forgotten."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "too old", "reason": "Expired"}
    event = {"type": "ERROR", "object": {**status, "code": 410}}
    return web.Response(text=json.dumps(event) + "\n", content_type="application/json")


async def ended(_request: web.Request) -> web.StreamResponse:
    """A watch that ends as soon as it has begun."""
    return web.Response(text="", content_type="application/json")
