"""All that the operator asks of the Kubernetes API; the only place that knows its client."""

# The client annotates its methods but not all of its configuration and errors; their types end in this file.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
import os
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self, TypeVar, cast

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration, CoreV1Api, CustomObjectsApi
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.config import load_incluster_config, load_kube_config

from attune_operator.lease import Lease
from attune_operator.resources import ActionQueuePolicy, WorkerDeployment
from attune_operator.resources.policy import GROUP, PLURAL, VERSION

FIELD_MANAGER: Final = "attune-operator"
ROLE_LABEL: Final = "attune.io/role"

_REQUEST_SECONDS: Final = 5.0
_CONFLICT: Final = 409
_NOT_FOUND: Final = 404

Json = dict[str, Any]
T = TypeVar("T")


class ClusterError(Exception):
    """The Kubernetes API refused a request or did not answer."""


class NotFoundError(ClusterError):
    """The object does not exist."""


class ConflictError(ClusterError):
    """The object has changed, or exists already."""


class Cluster:
    """One namespace of a cluster. To be used from the loop it was connected on."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        # The custom objects API takes and returns plain JSON for any group, built-in ones included.
        self._objects = CustomObjectsApi(client)
        self._core = CoreV1Api(client)
        self.namespace = namespace

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
        """The policies as they are, and the resource version of the list.

        Raises:
            ClusterError: the API did not answer, or refused.
        """
        return await self._list(GROUP, VERSION, PLURAL)

    async def deployments(self) -> tuple[list[Json], str]:
        """The Deployments as they are, and the resource version of the list.

        Raises:
            ClusterError: the API did not answer, or refused.
        """
        return await self._list("apps", "v1", "deployments")

    async def patch_status(self, name: str, patch: Mapping[str, Any]) -> ActionQueuePolicy:
        """Merge ``patch`` into a policy's status; returns the policy as it is then.

        Raises:
            ClusterError: the API did not answer, or refused.
        """
        patched = await _answer(
            f"patch the status of ActionQueuePolicy {name}",
            self._objects.patch_namespaced_custom_object_status(
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                name,
                dict(patch),
                field_manager=FIELD_MANAGER,
                _content_type="application/merge-patch+json",
                _request_timeout=_REQUEST_SECONDS,
            ),
        )
        return ActionQueuePolicy.model_validate(patched)

    async def scale(self, deployment: WorkerDeployment, replicas: int) -> WorkerDeployment:
        """Set the number of workers through the scale subresource; returns the Deployment as it is then.

        Raises:
            ClusterError: the API did not answer, or refused.
        """
        scaled = await _answer(
            f"scale Deployment {deployment.metadata.name}",
            self._objects.patch_namespaced_custom_object_scale(
                "apps",
                "v1",
                self.namespace,
                "deployments",
                deployment.metadata.name,
                {"spec": {"replicas": replicas}},
                field_manager=FIELD_MANAGER,
                _content_type="application/merge-patch+json",
                _request_timeout=_REQUEST_SECONDS,
            ),
        )
        answer = cast("Json", scaled)
        return deployment.scaled(answer["spec"].get("replicas", 0), answer["metadata"]["resourceVersion"])

    async def label_role(self, pod: str, role: str | None) -> None:
        """Give a pod the role that Services select, or take it away.

        Raises:
            ClusterError: the API did not answer, or refused.
        """
        await _answer(
            f"label Pod {pod}",
            self._core.patch_namespaced_pod(
                pod,
                self.namespace,
                {"metadata": {"labels": {ROLE_LABEL: role}}},
                field_manager=FIELD_MANAGER,
                _content_type="application/merge-patch+json",
                _request_timeout=_REQUEST_SECONDS,
            ),
        )

    async def lease(self, name: str) -> Lease:
        """The Lease.

        Raises:
            NotFoundError: there is none of that name.
            ClusterError: the API did not answer, or refused.
        """
        found = await _answer(
            f"get Lease {name}",
            self._objects.get_namespaced_custom_object(
                "coordination.k8s.io", "v1", self.namespace, "leases", name, _request_timeout=_REQUEST_SECONDS
            ),
        )
        return Lease.model_validate(found)

    async def create_lease(self, lease: Lease) -> Lease:
        """Create a Lease.

        Raises:
            ConflictError: someone else has created it.
            ClusterError: the API did not answer, or refused.
        """
        created = await _answer(
            f"create Lease {lease.metadata.name}",
            self._objects.create_namespaced_custom_object(
                "coordination.k8s.io",
                "v1",
                self.namespace,
                "leases",
                lease.manifest(),
                field_manager=FIELD_MANAGER,
                _request_timeout=_REQUEST_SECONDS,
            ),
        )
        return Lease.model_validate(created)

    async def replace_lease(self, lease: Lease) -> Lease:
        """Replace a Lease, provided that it is still of the resource version that ``lease`` names.

        Raises:
            ConflictError: it has changed since.
            ClusterError: the API did not answer, or refused.
        """
        replaced = await _answer(
            f"update Lease {lease.metadata.name}",
            self._objects.replace_namespaced_custom_object(
                "coordination.k8s.io",
                "v1",
                self.namespace,
                "leases",
                lease.metadata.name,
                lease.manifest(),
                field_manager=FIELD_MANAGER,
                _request_timeout=_REQUEST_SECONDS,
            ),
        )
        return Lease.model_validate(replaced)

    async def _list(self, group: str, version: str, plural: str) -> tuple[list[Json], str]:
        listed = await _answer(
            f"list {plural}",
            self._objects.list_namespaced_custom_object(
                group, version, self.namespace, plural, _request_timeout=_REQUEST_SECONDS
            ),
        )
        answer = cast("Json", listed)
        return answer["items"], answer["metadata"]["resourceVersion"]


async def _answer(what: str, request: Awaitable[T]) -> T:
    try:
        return await request
    except ApiException as error:
        message = f"cannot {what}: {error.status} {_reason(error)}"
        if error.status == _NOT_FOUND:
            raise NotFoundError(message) from error
        if error.status == _CONFLICT:
            raise ConflictError(message) from error
        raise ClusterError(message) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise ClusterError(f"cannot {what}: the Kubernetes API does not answer ({reason})") from error


def _reason(error: ApiException) -> str:
    """The API server's own sentence, where its answer has one."""
    try:
        return str(json.loads(error.body or "")["message"])
    except (ValueError, TypeError, KeyError):
        return str(error.reason)
