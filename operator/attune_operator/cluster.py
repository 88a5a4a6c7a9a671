"""All that the operator asks of the Kubernetes API; the only place that knows its client."""

# The client's own code has few annotations; its types end in this file.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import aiohttp

# Of the client only connection, credentials and TLS: importing its models and typed APIs takes seconds, which a
# replica that takes over does not have, and this file needs plain JSON.
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config

from attune_operator.lease import Lease
from attune_operator.resources import ActionQueuePolicy, WorkerDeployment
from attune_operator.resources.policy import GROUP, PLURAL, VERSION

FIELD_MANAGER: Final = "attune-operator"
ROLE_LABEL: Final = "attune.io/role"

_REQUEST_SECONDS: Final = 5.0
_LIST_SECONDS: Final = 30.0
_CHUNK: Final = 500
_CONFLICT: Final = 409
_NOT_FOUND: Final = 404
_JSON: Final = "application/json"
_MERGE_PATCH: Final = "application/merge-patch+json"

Json = dict[str, Any]


class ClusterError(Exception):
    """The Kubernetes API refused a request or did not answer."""


class NotFoundError(ClusterError):
    """The object does not exist."""


class ConflictError(ClusterError):
    """The object has changed, or exists already."""


class Cluster:
    """One namespace of a cluster. To be used from the loop it was connected on.

    Every method raises ClusterError when the API refuses or does not answer within seconds.
    """

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self._policies = f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}"
        self._deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        self._leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"

    @classmethod
    @asynccontextmanager
    async def connect(cls, namespace: str) -> AsyncGenerator[Self]:
        """Connect as the pod's service account, or as KUBECONFIG says outside of a cluster."""
        configuration = Configuration()
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            load_incluster_config(client_configuration=configuration)
        else:
            await load_kube_config(config_file=os.environ.get("KUBECONFIG"), client_configuration=configuration)
        async with ApiClient(configuration) as client:
            yield cls(client, namespace)

    async def policies(self) -> tuple[list[Json], str]:
        """The policies as they are, and the resource version of the list."""
        return await self._list("list ActionQueuePolicies", self._policies)

    async def deployments(self) -> tuple[list[Json], str]:
        """The Deployments as they are, and the resource version of the list."""
        return await self._list("list Deployments", self._deployments)

    async def patch_status(self, name: str, patch: Mapping[str, Any]) -> ActionQueuePolicy:
        """Merge ``patch`` into a policy's status; returns the policy as it is then."""
        patched = await self._patch(
            f"patch the status of ActionQueuePolicy {name}", f"{self._policies}/{name}/status", patch
        )
        return ActionQueuePolicy.model_validate(patched)

    async def scale(self, deployment: WorkerDeployment, replicas: int) -> WorkerDeployment:
        """Set the number of workers through the scale subresource; returns the Deployment as it is then."""
        name = deployment.metadata.name
        scaled = await self._patch(
            f"scale Deployment {name}", f"{self._deployments}/{name}/scale", {"spec": {"replicas": replicas}}
        )
        return deployment.scaled(scaled["spec"].get("replicas", 0), scaled["metadata"]["resourceVersion"])

    async def label_role(self, pod: str, role: str | None) -> None:
        """Give a pod the role that Services select, or take it away."""
        await self._patch(f"label Pod {pod}", f"{self._pods}/{pod}", {"metadata": {"labels": {ROLE_LABEL: role}}})

    async def lease(self, name: str) -> Lease:
        """The Lease; NotFoundError where there is none of that name."""
        return Lease.model_validate(await self._request(f"get Lease {name}", "GET", f"{self._leases}/{name}"))

    async def create_lease(self, lease: Lease) -> Lease:
        """Create a Lease; ConflictError where someone else has."""
        name = lease.metadata.name
        created = await self._request(f"create Lease {name}", "POST", self._leases, lease.manifest())
        return Lease.model_validate(created)

    async def replace_lease(self, lease: Lease) -> Lease:
        """Replace a Lease; ConflictError unless it is still of the resource version that ``lease`` names."""
        name = lease.metadata.name
        replaced = await self._request(f"update Lease {name}", "PUT", f"{self._leases}/{name}", lease.manifest())
        return Lease.model_validate(replaced)

    async def _list(self, what: str, path: str) -> tuple[list[Json], str]:
        """A complete list in chunks, which the API server takes from one moment."""
        items: list[Json] = []
        token = ""
        while True:
            query = [("limit", str(_CHUNK)), ("continue", token)]
            chunk = await self._request(what, "GET", path, query=query, seconds=_LIST_SECONDS)
            items += chunk["items"]
            token = chunk["metadata"].get("continue", "")
            if not token:
                return items, chunk["metadata"]["resourceVersion"]

    async def _patch(self, what: str, path: str, patch: Mapping[str, Any]) -> Json:
        return await self._request(what, "PATCH", path, patch, content_type=_MERGE_PATCH)

    async def _request(
        self,
        what: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: list[tuple[str, str]] | None = None,
        content_type: str = _JSON,
        seconds: float = _REQUEST_SECONDS,
    ) -> Json:
        try:
            request = await self._client.param_serialize(
                method,
                path,
                query_params=[("fieldManager", FIELD_MANAGER)] if body is not None else (query or []),
                header_params={"Accept": _JSON, "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
            )
            response = await self._client.call_api(*request, _request_timeout=seconds)
            content: bytes = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise ClusterError(f"cannot {what}: the Kubernetes API does not answer ({reason})") from error
        if response.status >= 400:  # noqa: PLR2004 - HTTP's own line between success and failure
            kinds = {_NOT_FOUND: NotFoundError, _CONFLICT: ConflictError}
            raise kinds.get(response.status, ClusterError)(f"cannot {what}: {response.status} {_reason(content)}")
        return json.loads(content)


def _reason(content: bytes) -> str:
    """The API server's own sentence; what stands between may answer with anything else."""
    try:
        return str(json.loads(content)["message"])
    except (ValueError, TypeError, KeyError):
        return content[:200].decode(errors="replace")
