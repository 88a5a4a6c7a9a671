"""The Kubernetes API as the operator speaks to it: plain JSON, one deadline a request, errors by what went wrong."""

# The client's own code has few annotations; its types end in this file.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final, NamedTuple, Self, TypeAlias

import aiohttp

# Of the client only connection, credentials and TLS: importing its models and typed APIs takes seconds, which a
# replica that takes over does not have, and this file needs plain JSON.
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config

from attune_operator.refusals import Refusal, RefusalKind, refused

FIELD_MANAGER: Final = "attune-operator"

_REQUEST_SECONDS: Final = 5.0
_LIST_SECONDS: Final = 30.0
_CHUNK: Final = 500
_THROTTLED: Final = 429
_LONGEST_PAUSE_SECONDS: Final = 60.0
_JSON: Final = "application/json"
_MERGE_PATCH: Final = "application/merge-patch+json"

Json: TypeAlias = dict[str, Any]


class ClusterError(Exception):
    """The Kubernetes API refused a request or did not answer."""


class ForbiddenError(ClusterError):
    """The operator's roles do not allow it."""


class NotFoundError(ClusterError):
    """The object does not exist."""


class ConflictError(ClusterError):
    """The object has changed, or exists already."""


_ERRORS: Final = {
    RefusalKind.FORBIDDEN: ForbiddenError,
    RefusalKind.NOT_FOUND: NotFoundError,
    RefusalKind.CONFLICT: ConflictError,
}


class _Question(NamedTuple):
    """A request; ``what`` says for people what it is to do."""

    what: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Sequence[tuple[str, str]] = ()
    content_type: str = _JSON


class KubernetesRest:
    """A cluster's API. To be used from the loop it was connected on.

    Every method raises ClusterError when the API refuses or does not answer within seconds. A server that is too busy
    is asked again as late as it says, and by nobody sooner. ``what`` says in errors what was to be done.
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._throttled_until = 0.0

    @classmethod
    @asynccontextmanager
    async def connect(cls) -> AsyncGenerator[Self]:
        """Connect as the pod's service account, or as KUBECONFIG says outside of a cluster."""
        configuration = Configuration()
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            load_incluster_config(client_configuration=configuration)
        else:
            await load_kube_config(config_file=os.environ.get("KUBECONFIG"), client_configuration=configuration)
        async with ApiClient(configuration) as client:
            yield cls(client)

    async def get(self, what: str, path: str) -> Json:
        """An object."""
        return await self._ask(_Question(what, "GET", path))

    async def list_all(self, what: str, path: str) -> tuple[list[Json], str]:
        """A complete list in chunks, which the API server takes from one moment, and its resource version."""
        items: list[Json] = []
        token = ""
        while True:
            query = [("limit", str(_CHUNK)), ("continue", token)]
            chunk = await self._ask(_Question(what, "GET", path, query=query), _LIST_SECONDS)
            items += chunk["items"]
            token = chunk["metadata"].get("continue", "")
            if not token:
                return items, chunk["metadata"]["resourceVersion"]

    async def create(self, what: str, path: str, body: Mapping[str, Any]) -> Json:
        """Create an object; returns it as it is then."""
        return await self._ask(_Question(what, "POST", path, body))

    async def replace(self, what: str, path: str, body: Mapping[str, Any]) -> Json:
        """Replace an object; returns it as it is then."""
        return await self._ask(_Question(what, "PUT", path, body))

    async def patch(self, what: str, path: str, patch: Mapping[str, Any]) -> Json:
        """Merge ``patch`` into an object; returns it as it is then."""
        return await self._ask(_Question(what, "PATCH", path, patch, content_type=_MERGE_PATCH))

    async def _ask(self, question: _Question, seconds: float = _REQUEST_SECONDS) -> Json:
        what, deadline = question.what, monotonic() + seconds
        while True:
            pause = max(self._throttled_until - monotonic(), 0.0)
            if monotonic() + pause >= deadline:
                raise ClusterError(f"cannot {what}: the Kubernetes API is too busy and wants to be asked later")
            await asyncio.sleep(pause)
            status, headers, content = await self._send(question, deadline - monotonic())
            if status != _THROTTLED:
                break
            self._throttled_until = monotonic() + _pause_seconds(headers)
        if refused(status):
            refusal = Refusal.of(status, content)
            raise _ERRORS.get(refusal.kind, ClusterError)(f"cannot {what}: {status} {refusal.reason}")
        try:
            return json.loads(content)
        except ValueError as error:
            raise ClusterError(f"cannot {what}: something answers that is no Kubernetes API ({error})") from error

    async def _send(self, question: _Question, seconds: float) -> tuple[int, Mapping[str, str], bytes]:
        writer = [] if question.body is None else [("fieldManager", FIELD_MANAGER)]
        try:
            request = await self._client.param_serialize(
                question.method,
                question.path,
                query_params=[*writer, *question.query],
                header_params={"Accept": _JSON, "Content-Type": question.content_type},
                body=question.body,
                auth_settings=["BearerToken"],
            )
            response = await self._client.call_api(*request, _request_timeout=seconds)
            return response.status, response.getheaders(), await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise ClusterError(f"cannot {question.what}: the Kubernetes API does not answer ({reason})") from error


def _pause_seconds(headers: Mapping[str, str]) -> float:
    """How long the API server asks to be left alone; a second where it does not say."""
    try:
        asked = float(headers.get("Retry-After", ""))
    except ValueError:
        asked = 1.0
    return min(max(asked, 1.0), _LONGEST_PAUSE_SECONDS)
