"""The Kubernetes API with the credentials of a kubeconfig, as plain JSON."""

# The client's own code has few annotations; its types end in this file.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import aiohttp

from attune_operator.ctl.errors import CtlError, ForbiddenError, NotFoundError, UnreachableError
from attune_operator.refusals import Refusal, RefusalKind, refused

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

FIELD_MANAGER: Final = "kubectl-attune"
_SECONDS: Final = 15.0
_CHUNK: Final = 500
_TEXT_SECONDS: Final = 60.0
LONGEST_LINE: Final = 256 * 1024
"""Bytes."""
_TOKEN_SECONDS: Final = 3600
_FAREWELL: Final = aiohttp.ClientWSTimeout(ws_close=1.0)  # pyright: ignore[reportCallIssue] - made by attrs
"""How long the other end may take to say goodbye too."""
_JSON: Final = "application/json"
_MERGE_PATCH: Final = "application/merge-patch+json"
_NOT_ALLOWED: Final = frozenset({RefusalKind.UNAUTHORIZED, RefusalKind.FORBIDDEN})
_BEARER: Final = "Bearer "

Json: TypeAlias = dict[str, Any]


class Kubernetes:
    """A cluster, as a user sees it.

    Every method raises CtlError: ForbiddenError, NotFoundError or UnreachableError where it is one of these.
    """

    def __init__(self, client: "ApiClient") -> None:
        self._client = client

    @classmethod
    @asynccontextmanager
    async def connect(cls, context: str | None) -> AsyncGenerator[Self]:
        """Connect as the kubeconfig says, or as the pod's ServiceAccount inside of a cluster."""
        # The client takes most of a second to import: help and the completion of words do not wait for it.
        from attune_operator.ctl.kubeconfig import client_of  # noqa: PLC0415

        async with client_of(context) as client:
            yield cls(client)

    async def get(self, what: str, path: str) -> Json:
        """An object; ``what`` says for people which."""
        return await self._request(f"get {what}", "GET", path)

    async def list_all(self, what: str, path: str, selector: str = "", fields: str = "") -> list[Json]:
        """Objects, all of them; ``selector`` chooses by labels, ``fields`` by fields."""
        items: list[Json] = []
        chosen = (("labelSelector", selector), ("fieldSelector", fields))
        query = [("limit", str(_CHUNK)), *((name, value) for name, value in chosen if value)]
        token = ""
        while True:
            page = await self._request(f"list {what}", "GET", path, [*query, *([("continue", token)] if token else [])])
            items += page["items"]
            token = page["metadata"].get("continue", "")
            if not token:
                return items

    async def patch(self, what: str, path: str, patch: Mapping[str, Any]) -> Json:
        """Merge ``patch`` into an object; returns it as it is then."""
        return await self._request(f"patch {what}", "PATCH", path, _WRITER, patch, _MERGE_PATCH)

    async def create(self, what: str, path: str, manifest: Mapping[str, Any]) -> Json:
        """Create an object; returns it as it is then."""
        return await self._request(f"create {what}", "POST", path, _WRITER, manifest)

    async def delete(self, what: str, path: str, resource_version: str) -> None:
        """Delete an object unless it is another version by now."""
        body = {"preconditions": {"resourceVersion": resource_version}}
        await self._request(f"delete {what}", "DELETE", path, body=body)

    async def own_token(self) -> str | None:
        """The bearer token that the Kubernetes API knows the user by; None for a client certificate."""
        key = await self._client.configuration.get_api_key_with_prefix("BearerToken")
        return key.removeprefix(_BEARER) if key and key.startswith(_BEARER) else None

    async def service_account_token(self, namespace: str, name: str, audience: str | None) -> str:
        """A token of a ServiceAccount, good for an hour, by a TokenRequest."""
        spec = {"expirationSeconds": _TOKEN_SECONDS, **({"audiences": [audience]} if audience else {})}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        what = f"a token of ServiceAccount {namespace}/{name}"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return str((await self.create(what, path, request))["status"]["token"])

    @asynccontextmanager
    async def websocket(
        self, what: str, path: str, query: Sequence[tuple[str, str]], protocol: str
    ) -> AsyncGenerator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket to a subresource that speaks ``protocol``."""
        _, url, headers, *_ = await self._client.param_serialize(
            "GET", path, query_params=list(query), auth_settings=["BearerToken"]
        )
        rest, name = self._client.rest_client, self._client.configuration.tls_server_name
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=rest.ssl_context), trust_env=True)
        async with session:
            try:
                socket = await session.ws_connect(
                    url,
                    headers=headers,
                    protocols=[protocol],
                    proxy=rest.proxy,
                    proxy_headers=rest.proxy_headers,
                    server_hostname=name,
                    max_msg_size=0,
                    timeout=_FAREWELL,
                )
            except aiohttp.WSServerHandshakeError as error:
                kind = ForbiddenError if Refusal.of(error.status, b"").kind in _NOT_ALLOWED else CtlError
                raise kind(f"cannot {what}: {error.status} {error.message}") from error
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise _silent(what, error) from error
            async with socket:
                yield socket

    async def lines(self, what: str, path: str, query: Sequence[tuple[str, str]] = ()) -> AsyncGenerator[str]:
        """Lines of a text as they come, such as a container's log; one longer than `LONGEST_LINE` comes in pieces."""
        try:
            request = await self._client.param_serialize(
                "GET", path, query_params=list(query), header_params={"Accept": "*/*"}, auth_settings=["BearerToken"]
            )
            response = await self._client.call_api(*request, _request_timeout=_TEXT_SECONDS)
            if refused(response.status):
                raise _refusal(f"get {what}", response.status, await response.read())
            rest = b""
            async for block in response.response.content.iter_chunked(LONGEST_LINE):
                *whole, rest = (rest + block).split(b"\n")
                for line in whole:
                    yield line.decode(errors="replace")
                if len(rest) >= LONGEST_LINE:
                    yield rest.decode(errors="replace")
                    rest = b""
            if rest:
                yield rest.decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _silent(f"get {what}", error) from error

    async def _request(
        self,
        what: str,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        content_type: str = _JSON,
    ) -> Json:
        try:
            request = await self._client.param_serialize(
                method,
                path,
                query_params=list(query),
                header_params={"Accept": _JSON, "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
            )
            response = await self._client.call_api(*request, _request_timeout=_SECONDS)
            content = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _silent(what, error) from error
        if refused(response.status):
            raise _refusal(what, response.status, content)
        try:
            return json.loads(content)
        except ValueError as error:
            raise UnreachableError(f"cannot {what}: what answers is no Kubernetes API ({error})") from error


_WRITER: Final = (("fieldManager", FIELD_MANAGER),)


def _silent(what: str, error: Exception) -> UnreachableError:
    reason = str(error) or type(error).__name__
    return UnreachableError(f"cannot {what}: the Kubernetes API does not answer ({reason})")


def _refusal(what: str, status: int, content: bytes) -> CtlError:
    kind, _, reason = Refusal.of(status, content)
    if kind in _NOT_ALLOWED:
        return ForbiddenError(f"cannot {what}: {status} {reason}")
    if kind is RefusalKind.NOT_FOUND:
        return NotFoundError(f"cannot {what}: {reason}")
    if kind is RefusalKind.CONFLICT:
        return CtlError(f"cannot {what}: somebody else has just changed it, look and try again ({reason})")
    return CtlError(f"cannot {what}: {status} {reason}")
