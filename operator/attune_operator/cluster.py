"""All that the operator asks of the Kubernetes API."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self

from attune_operator.kubernetes_rest import (
    ClusterError,
    ConflictError,
    ForbiddenError,
    Json,
    KubernetesRest,
    NotFoundError,
)
from attune_operator.lease import Lease
from attune_operator.resources import ActionQueuePolicy, ExecutorConfig, ObjectKey, WorkerDeployment
from attune_operator.resources.config import CONFIG_PLURAL
from attune_operator.resources.other_autoscalers import scaled_by_others
from attune_operator.resources.policy import GROUP, PLURAL, VERSION

__all__ = ["Cluster", "ClusterError", "ConflictError", "ForbiddenError", "NotFoundError"]

ROLE_LABEL: Final = "attune.io/role"
DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"


class Cluster:
    """A cluster. To be used from the loop it was connected on.

    Every method raises ClusterError as KubernetesRest does.

    Args:
        namespace: the operator's own, where its pods and Leases are.
    """

    def __init__(self, rest: KubernetesRest, namespace: str) -> None:
        self._rest = rest
        self._leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"

    @classmethod
    @asynccontextmanager
    async def connect(cls, namespace: str) -> AsyncGenerator[Self]:
        """Connect as the pod's service account, or as KUBECONFIG says outside of a cluster."""
        async with KubernetesRest.connect() as rest:
            yield cls(rest, namespace)

    async def policies(self, namespace: str | None) -> tuple[list[Json], str]:
        """The policies of a namespace, or of all, as they are, and the resource version of the list."""
        return await self._rest.list_all(f"list ActionQueuePolicies{_within(namespace)}", _policies(namespace))

    async def deployments(self, namespace: str | None) -> tuple[list[Json], str]:
        """The Deployments of a namespace, or of all, as they are, and the resource version of the list."""
        return await self._rest.list_all(f"list Deployments{_within(namespace)}", _deployments(namespace))

    async def patch_status(self, policy: ObjectKey, patch: Mapping[str, Any]) -> ActionQueuePolicy:
        """Merge ``patch`` into a policy's status; returns the policy as it is then."""
        path = f"{_policies(policy.namespace)}/{policy.name}/status"
        patched = await self._rest.patch(f"patch the status of ActionQueuePolicy {policy}", path, patch)
        return ActionQueuePolicy.model_validate(patched)

    async def executor_config(self, config: ObjectKey) -> Json:
        """An ExecutorConfig as it is; NotFoundError where there is none of that name."""
        path = f"{_executor_configs(config.namespace)}/{config.name}"
        return await self._rest.get(f"get ExecutorConfig {config}", path)

    async def patch_config_status(self, config: ObjectKey, patch: Mapping[str, Any]) -> ExecutorConfig:
        """Merge ``patch`` into an ExecutorConfig's status; returns the object as it is then."""
        path = f"{_executor_configs(config.namespace)}/{config.name}/status"
        patched = await self._rest.patch(f"patch the status of ExecutorConfig {config}", path, patch)
        return ExecutorConfig.model_validate(patched)

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        """Tell an Event."""
        await self._rest.create(f"create an Event{_within(namespace)}", _events(namespace), event)

    async def patch_event(self, namespace: str, name: str, patch: Mapping[str, Any]) -> None:
        """Merge ``patch`` into an Event; NotFoundError where it is gone: Events are kept for an hour or so."""
        await self._rest.patch(f"patch Event {name}{_within(namespace)}", f"{_events(namespace)}/{name}", patch)

    async def scale(self, deployment: WorkerDeployment, replicas: int) -> WorkerDeployment:
        """Set the number of workers through the scale subresource; returns the Deployment as it is then."""
        key = deployment.metadata.key
        path = f"{_deployments(key.namespace)}/{key.name}/scale"
        scaled = await self._rest.patch(f"scale Deployment {key}", path, {"spec": {"replicas": replicas}})
        return deployment.scaled(scaled["spec"].get("replicas", 0), scaled["metadata"]["resourceVersion"])

    async def scaled_by_others(self, namespace: str) -> dict[ObjectKey, str]:
        """The Deployments of a namespace that other autoscalers scale, and who does."""
        path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
        (autoscalers, _), scaled_objects = await asyncio.gather(
            self._rest.list_all(f"list HorizontalPodAutoscalers{_within(namespace)}", path),
            self._scaled_objects(namespace),
        )
        return scaled_by_others(autoscalers, scaled_objects)

    async def _scaled_objects(self, namespace: str) -> list[Json]:
        path = f"/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects"
        try:
            return (await self._rest.list_all(f"list ScaledObjects{_within(namespace)}", path))[0]
        except NotFoundError:
            # There is no KEDA here.
            return []

    async def set_deletion_cost(self, pod: ObjectKey, cost: int) -> None:
        """Say what a pod is worth: of those of a Deployment that shrinks the cheapest go first."""
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
        await self._rest.patch(f"price Pod {pod}", path, {"metadata": {"annotations": {DELETION_COST: str(cost)}}})

    async def label_role(self, pod: str, role: str | None) -> None:
        """Give a pod the role that Services select, or take it away."""
        await self._rest.patch(f"label Pod {pod}", f"{self._pods}/{pod}", {"metadata": {"labels": {ROLE_LABEL: role}}})

    async def lease(self, name: str) -> Lease:
        """The Lease; NotFoundError where there is none of that name."""
        return Lease.model_validate(await self._rest.get(f"get Lease {name}", f"{self._leases}/{name}"))

    async def create_lease(self, lease: Lease) -> Lease:
        """Create a Lease; ConflictError where someone else has."""
        name = lease.metadata.name
        created = await self._rest.create(f"create Lease {name}", self._leases, lease.manifest())
        return Lease.model_validate(created)

    async def replace_lease(self, lease: Lease) -> Lease:
        """Replace a Lease; ConflictError unless it is still of the resource version that ``lease`` names."""
        name = lease.metadata.name
        replaced = await self._rest.replace(f"update Lease {name}", f"{self._leases}/{name}", lease.manifest())
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
        return (await self._rest.create(f"create a {kind}", f"/apis/{api_version}/{plural}", body))["status"]


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
