"""The executor's HTTP API: through the Kubernetes API unless a URL is given, with a token that the cluster knows."""

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final, Self, TypeAlias, cast

import aiohttp
from yarl import URL

from attune_operator.ctl.errors import CtlError, ForbiddenError, NotFoundError, UnreachableError
from attune_operator.ctl.executor_entrance import SERVICE, Entrance, guarded, leader, token
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.options import Site, Way
from attune_operator.ctl.tunnel import Tunnel

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
_CONNECTIONS: Final = 4
_NOT_FOUND: Final = 404
_UNAUTHORIZED: Final = 401
_NOT_THE_PAGE: Final = frozenset({_UNAUTHORIZED, 403, _NOT_FOUND})
_UNBOUNDED: Final = aiohttp.ClientTimeout(total=None, connect=15, sock_read=30)
"""Of answers that may last: as long as something comes."""

Json: TypeAlias = dict[str, Any]


class BusyError(UnreachableError):
    """The executor cannot answer now; asking again can help."""


class ExecutorApi:
    """Calls the executor. Every method raises CtlError."""

    def __init__(
        self, session: aiohttp.ClientSession, base: str, tunnel: Tunnel | None, token: Callable[[], Awaitable[str]]
    ) -> None:
        self._session = session
        self._base = base
        self._tunnel = tunnel
        self._token = token
        self._shown: dict[str, str] = {}

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, kubernetes: Kubernetes, site: Site, way: Way, connections: int = _CONNECTIONS
    ) -> AsyncGenerator[Self]:
        """Find the way and the token; at most so many ``connections`` are open at a time."""
        show = partial(token, kubernetes, site, way)
        context = ssl.create_default_context(cafile=way.certificate_authority)
        async with AsyncExitStack() as stack:
            if way.server:
                tunnel, base = None, guarded(way.server)
                connector = aiohttp.TCPConnector(ssl=context, limit=connections)
            else:
                find = partial(leader, kubernetes, site.operator_namespace)
                tunnel = await stack.enter_async_context(Tunnel.open(kubernetes, find))
                # The name that a certificate of the Service is valid for.
                base = f"{'https' if way.tls else 'http'}://{SERVICE}.{site.operator_namespace}.svc"
                connector = aiohttp.TCPConnector(ssl=context, resolver=Entrance(tunnel), limit=connections)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT))
            executor = cls(session, base, tunnel, show)
            await executor._show_token()
            yield executor

    async def get(self, path: str) -> Any:
        """The ``data`` of a GET."""
        return (await self._request("GET", path))["data"]

    async def page(self, path: str) -> Json:
        """The whole answer of a GET, with what stands beside ``data``."""
        return await self._request("GET", path)

    async def text(self, path: str) -> str:
        """The text of a GET, also of one that says by its status that it is not well, as readiness does."""
        async with self._ask("GET", path) as response:
            if response.status in _NOT_THE_PAGE:
                raise refusal(response.status, await _json(response))
            return await response.text(errors="replace")

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The ``data`` of a POST; of a batch also where all of it was refused."""
        return (await self._request("POST", path, body))["data"]

    async def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        async with self._ask(method, path, body) as response:
            answer = await _json(response)
            status = response.status
        if status < 400 or "data" in answer:  # noqa: PLR2004 - HTTP's own line between success and failure
            return answer
        raise refusal(status, answer)

    @asynccontextmanager
    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        try:
            async with self._session.request(method, self._base + path, json=body, headers=self._shown) as response:
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._silent(error) from error

    @asynccontextmanager
    async def answering(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Whatever is answered, from its beginning on; with a new token where the last one has run out.

        What breaks while the answer is read is raised as aiohttp has it.
        """
        async with AsyncExitStack() as stack:
            try:
                answer = await stack.enter_async_context(self._asked(method, path, headers, body))
                if answer.status == _UNAUTHORIZED:
                    await self._show_token()
                    answer = await stack.enter_async_context(self._asked(method, path, headers, body))
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise self._silent(error) from error
            yield answer

    def _asked(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        url, shown = URL(self._base + path, encoded=True), {**headers, **self._shown}
        return self._session.request(method, url, headers=shown, data=body, timeout=_UNBOUNDED, allow_redirects=False)

    async def _show_token(self) -> None:
        self._shown = {"Authorization": f"Bearer {await self._token()}"}

    def _silent(self, error: Exception) -> CtlError:
        """What it means that nobody answers."""
        problem = self._tunnel.problem if self._tunnel else None
        if isinstance(problem, ForbiddenError):
            return problem
        reason = problem or error
        return BusyError(f"the executor does not answer: {str(reason) or type(reason).__name__}")


@asynccontextmanager
async def reached(site: Site, way: Way, connections: int = _CONNECTIONS) -> AsyncGenerator[ExecutorApi]:
    """The executor, for a command that asks nobody else; raises CtlError."""
    async with (
        Kubernetes.connect(site.context) as kubernetes,
        ExecutorApi.connect(kubernetes, site, way, connections) as executor,
    ):
        yield executor


def refusal(status: int, answer: Mapping[str, Any]) -> CtlError:
    """What an answer other than success means for the command."""
    text = str(answer.get("error", f"HTTP {status}"))
    if status >= 500:  # noqa: PLR2004 - HTTP's own line between the caller's fault and the server's
        return BusyError(text)
    if status == _NOT_FOUND:
        return NotFoundError(text)
    return CtlError(text)


async def _json(response: aiohttp.ClientResponse) -> Json:
    try:
        answer: object = await response.json(content_type=None)
    except ValueError as error:
        raise UnreachableError(f"what answers is no executor: {response.status} {response.reason}") from error
    if not isinstance(answer, dict):
        raise UnreachableError(f"what answers is no executor: {response.status} {response.reason}")
    return cast("Json", answer)
