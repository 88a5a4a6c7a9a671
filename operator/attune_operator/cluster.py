"""All that the operator asks of the Kubernetes API; the only place that knows its client."""

# The client's own code has few annotations; its types end in this file.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final, Self

import aiohttp

# Of the client only connection, credentials and TLS: importing its models and typed APIs takes seconds, which a
# replica that takes over does not have, and this file needs plain JSON.
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config

from attune_operator.lease import Lease
from attune_operator.resources import ActionQueuePolicy, ExecutorConfig, ObjectKey, WorkerDeployment
from attune_operator.resources.config import CONFIG_PLURAL
from attune_operator.resources.other_autoscalers import scaled_by_others
from attune_operator.resources.policy import GROUP, PLURAL, VERSION

FIELD_MANAGER: Final = "attune-operator"
ROLE_LABEL: Final = "attune.io/role"
DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"

_REQUEST_SECONDS: Final = 5.0
_LIST_SECONDS: Final = 30.0
_CHUNK: Final = 500
_FORBIDDEN: Final = 403
_CONFLICT: Final = 409
_THROTTLED: Final = 429
_LONGEST_PAUSE_SECONDS: Final = 60.0
_NOT_FOUND: Final = 404
_JSON: Final = "application/json"
_MERGE_PATCH: Final = "application/merge-patch+json"

Json = dict[str, Any]


class ClusterError(Exception):
    """The Kubernetes API refused a request or did not answer."""


class ForbiddenError(ClusterError):
    """The operator's roles do not allow it."""


class NotFoundError(ClusterError):
    """The object does not exist."""


class ConflictError(ClusterError):
    """The object has changed, or exists already."""


class Cluster:
    """A cluster. To be used from the loop it was connected on.

    Every method raises ClusterError when the API refuses or does not answer within seconds. A server that is too busy
    is asked again as late as it says, and by nobody sooner.

    Args:
        namespace: the operator's own, where its pods and Leases are.
    """

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self._throttled_until = 0.0
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

    async def policies(self, namespace: str | None) -> tuple[list[Json], str]:
        """The policies of a namespace, or of all, as they are, and the resource version of the list."""
        return await self._list(f"list ActionQueuePolicies{_within(namespace)}", _policies(namespace))

    async def deployments(self, namespace: str | None) -> tuple[list[Json], str]:
        """The Deployments of a namespace, or of all, as they are, and the resource version of the list."""
        return await self._list(f"list Deployments{_within(namespace)}", _deployments(namespace))

    async def patch_status(self, policy: ObjectKey, patch: Mapping[str, Any]) -> ActionQueuePolicy:
        """Merge ``patch`` into a policy's status; returns the policy as it is then."""
        path = f"{_policies(policy.namespace)}/{policy.name}/status"
        patched = await self._patch(f"patch the status of ActionQueuePolicy {policy}", path, patch)
        return ActionQueuePolicy.model_validate(patched)

    async def executor_config(self, config: ObjectKey) -> Json:
        """An ExecutorConfig as it is; NotFoundError where there is none of that name."""
        path = f"{_executor_configs(config.namespace)}/{config.name}"
        return await self._request(f"get ExecutorConfig {config}", "GET", path)

    async def patch_config_status(self, config: ObjectKey, patch: Mapping[str, Any]) -> ExecutorConfig:
        """Merge ``patch`` into an ExecutorConfig's status; returns the object as it is then."""
        path = f"{_executor_configs(config.namespace)}/{config.name}/status"
        patched = await self._patch(f"patch the status of ExecutorConfig {config}", path, patch)
        return ExecutorConfig.model_validate(patched)

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        """Tell an Event."""
        await self._request(f"create an Event{_within(namespace)}", "POST", _events(namespace), event)

    async def patch_event(self, namespace: str, name: str, patch: Mapping[str, Any]) -> None:
        """Merge ``patch`` into an Event; NotFoundError where it is gone: Events are kept for an hour or so."""
        await self._patch(f"patch Event {name}{_within(namespace)}", f"{_events(namespace)}/{name}", patch)

    async def scale(self, deployment: WorkerDeployment, replicas: int) -> WorkerDeployment:
        """Set the number of workers through the scale subresource; returns the Deployment as it is then."""
        key = deployment.metadata.key
        path = f"{_deployments(key.namespace)}/{key.name}/scale"
        scaled = await self._patch(f"scale Deployment {key}", path, {"spec": {"replicas": replicas}})
        return deployment.scaled(scaled["spec"].get("replicas", 0), scaled["metadata"]["resourceVersion"])

    async def scaled_by_others(self, namespace: str) -> dict[ObjectKey, str]:
        """The Deployments of a namespace that other autoscalers scale, and who does."""
        path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
        (autoscalers, _), scaled_objects = await asyncio.gather(
            self._list(f"list HorizontalPodAutoscalers{_within(namespace)}", path), self._scaled_objects(namespace)
        )
        return scaled_by_others(autoscalers, scaled_objects)

    async def _scaled_objects(self, namespace: str) -> list[Json]:
        path = f"/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects"
        try:
            return (await self._list(f"list ScaledObjects{_within(namespace)}", path))[0]
        except NotFoundError:
            # There is no KEDA here.
            return []

    async def set_deletion_cost(self, pod: ObjectKey, cost: int) -> None:
        """Say what a pod is worth: of those of a Deployment that shrinks the cheapest go first."""
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
        await self._patch(f"price Pod {pod}", path, {"metadata": {"annotations": {DELETION_COST: str(cost)}}})

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

    async def review_token(self, token: str, audiences: Sequence[str]) -> Json:
        """The status of a TokenReview: whose token it is."""
        spec = {"token": token, "audiences": list(audiences)}
        return await self._review("TokenReview", "authentication.k8s.io/v1", "tokenreviews", spec)

    async def review_access(self, spec: Mapping[str, Any]) -> bool:
        """Whether a SubjectAccessReview allows what ``spec`` asks for."""
        status = await self._review("SubjectAccessReview", "authorization.k8s.io/v1", "subjectaccessreviews", spec)
        return bool(status.get("allowed"))

    async def _review(self, kind: str, api_version: str, plural: str, spec: Mapping[str, Any]) -> Json:
        body = {"apiVersion": api_version, "kind": kind, "spec": spec}
        return (await self._request(f"create a {kind}", "POST", f"/apis/{api_version}/{plural}", body))["status"]

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
        deadline = monotonic() + seconds
        while True:
            pause = self._throttled_until - monotonic()
            if monotonic() + max(pause, 0.0) >= deadline:
                raise ClusterError(f"cannot {what}: the Kubernetes API is too busy and wants to be asked later")
            await asyncio.sleep(max(pause, 0.0))
            status, headers, content = await self._send(
                what, method, path, body, query, content_type, deadline - monotonic()
            )
            if status != _THROTTLED:
                break
            self._throttled_until = monotonic() + _pause_seconds(headers)
        if status >= 400:  # noqa: PLR2004 - HTTP's own line between success and failure
            kinds = {_FORBIDDEN: ForbiddenError, _NOT_FOUND: NotFoundError, _CONFLICT: ConflictError}
            raise kinds.get(status, ClusterError)(f"cannot {what}: {status} {_reason(content)}")
        try:
            return json.loads(content)
        except ValueError as error:
            raise ClusterError(f"cannot {what}: something answers that is no Kubernetes API ({error})") from error

    async def _send(
        self,
        what: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: list[tuple[str, str]] | None,
        content_type: str,
        seconds: float,
    ) -> tuple[int, Mapping[str, str], bytes]:
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
            return response.status, response.getheaders(), await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise ClusterError(f"cannot {what}: the Kubernetes API does not answer ({reason})") from error


def _policies(namespace: str | None) -> str:
    return f"/apis/{GROUP}/{VERSION}{_scope(namespace)}/{PLURAL}"


def _executor_configs(namespace: str) -> str:
    return f"/apis/{GROUP}/{VERSION}{_scope(namespace)}/{CONFIG_PLURAL}"


def _events(namespace: str) -> str:
    return f"/apis/events.k8s.io/v1{_scope(namespace)}/events"


def _deployments(namespace: str | None) -> str:
    return f"/apis/apps/v1{_scope(namespace)}/deployments"


def _scope(namespace: str | None) -> str:
    return "" if namespace is None else f"/namespaces/{namespace}"


def _within(namespace: str | None) -> str:
    return "" if namespace is None else f" in namespace {namespace}"


def _pause_seconds(headers: Mapping[str, str]) -> float:
    """How long the API server asks to be left alone; a second where it does not say."""
    try:
        asked = float(headers.get("Retry-After", ""))
    except ValueError:
        asked = 1.0
    return min(max(asked, 1.0), _LONGEST_PAUSE_SECONDS)


def _reason(content: bytes) -> str:
    """The API server's own sentence; what stands between may answer with anything else."""
    try:
        return str(json.loads(content)["message"])
    except (ValueError, TypeError, KeyError):
        return content[:200].decode(errors="replace")
