"""The executor's HTTP API: through the Kubernetes API unless a URL is given, with a token that the cluster knows."""

import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from ipaddress import ip_address
from typing import Any, Final, Self, TypeAlias, cast
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from attune_operator.ctl.errors import CtlError, ForbiddenError, NotFoundError, UnreachableError, UsageError
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.options import Site, Way
from attune_operator.ctl.tunnel import LOOPBACK, End, Tunnel

SERVICE: Final = "attune-executor"
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


class _Entrance(AbstractResolver):
    """Has every name be the tunnel's entrance, so that a URL can have the name that the certificate is for."""

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The entrance."""
        del port, family
        return [
            ResolveResult(hostname=host, host=LOOPBACK, port=self._tunnel.port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Nothing is held."""


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
        token = partial(_token, kubernetes, site, way)
        context = ssl.create_default_context(cafile=way.certificate_authority)
        async with AsyncExitStack() as stack:
            if way.server:
                tunnel, base = None, guarded(way.server)
                connector = aiohttp.TCPConnector(ssl=context, limit=connections)
            else:
                find = partial(_leader, kubernetes, site.operator_namespace)
                tunnel = await stack.enter_async_context(Tunnel.open(kubernetes, find))
                # The name that a certificate of the Service is valid for.
                base = f"{'https' if way.tls else 'http'}://{SERVICE}.{site.operator_namespace}.svc"
                connector = aiohttp.TCPConnector(ssl=context, resolver=_Entrance(tunnel), limit=connections)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT))
            executor = cls(session, base, tunnel, token)
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


def guarded(server: str) -> str:
    """The URL of a server that a token may be sent to.

    Raises:
        UsageError: it is none, or the token would cross a network in the clear.
    """
    address = urlsplit(server)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise UsageError(f"--server {server}: give a URL such as https://attune.example.org")
    if address.scheme == "http" and not _loopback(address.hostname):
        raise UsageError(f"--server {server}: a token must not cross a network in the clear, use https")
    return server.rstrip("/")


def target_port(service: Mapping[str, Any], pod: Mapping[str, Any]) -> int:
    """The port of ``pod`` that the first port of ``service`` stands for.

    Raises:
        CtlError: the pod has no port of that name.
    """
    port = service["spec"]["ports"][0]
    wanted = port.get("targetPort", port["port"])
    if isinstance(wanted, int):
        return wanted
    for container in pod["spec"]["containers"]:
        for offered in container.get("ports", ()):
            if offered.get("name") == wanted:
                return int(offered["containerPort"])
    raise CtlError(f"Pod {pod['metadata']['name']} has no port {wanted}, which Service {SERVICE} names: correct either")


async def _leader(kubernetes: Kubernetes, namespace: str) -> End:
    """Where the Service of the executor ends now: at the pod that leads."""
    service = await kubernetes.get(
        f"Service {namespace}/{SERVICE}", f"/api/v1/namespaces/{namespace}/services/{SERVICE}"
    )
    selector = ",".join(f"{key}={value}" for key, value in service["spec"]["selector"].items())
    pods = await kubernetes.list_all(f"Pods in namespace {namespace}", f"/api/v1/namespaces/{namespace}/pods", selector)
    ready = next((pod for pod in pods if _ready(pod)), None)
    if ready is None:
        raise UnreachableError(
            f"no ready pod in namespace {namespace} has the labels {selector}: no operator leads there now;"
            f" look at kubectl -n {namespace} get pods, or name its namespace by --operator-namespace"
        )
    return End(namespace, ready["metadata"]["name"], target_port(service, ready))


def _ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


async def _token(kubernetes: Kubernetes, site: Site, way: Way) -> str:
    if way.service_account:
        return await kubernetes.service_account_token(site.operator_namespace, way.service_account, way.audience)
    token = await kubernetes.own_token()
    if token is None:
        raise UsageError(
            "the kubeconfig has a client certificate, which the executor does not see: name a ServiceAccount to call as"
            " by --service-account or ATTUNE_SERVICE_ACCOUNT; docs/how-to/kubectl-attune.md shows how to make one"
        )
    return token


async def _json(response: aiohttp.ClientResponse) -> Json:
    try:
        answer: object = await response.json(content_type=None)
    except ValueError as error:
        raise UnreachableError(f"what answers is no executor: {response.status} {response.reason}") from error
    if not isinstance(answer, dict):
        raise UnreachableError(f"what answers is no executor: {response.status} {response.reason}")
    return cast("Json", answer)


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
