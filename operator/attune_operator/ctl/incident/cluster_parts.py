"""What Kubernetes knows: objects, Events, logs."""

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

from attune_operator.ctl.errors import CtlError
from attune_operator.ctl.incident.archive import Archive
from attune_operator.ctl.incident.findings import container_ends, previous_logs
from attune_operator.ctl.incident.redaction import LineRedactor, redact_object, redact_text
from attune_operator.ctl.kubernetes_api import Json, Kubernetes
from attune_operator.resources.policy import GROUP, VERSION

OPERATOR_PODS: Final = "app.kubernetes.io/name=attune-operator"
_LOG_BYTES: Final = 20 * 1024 * 1024
"""Of one container; the API server cuts at the end, which is why the time is what bounds it in practice."""
_MOST_PODS: Final = 40
_OBJECTS: Final = {
    "pods": "/api/v1",
    "deployments": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
    "resourcequotas": "/api/v1",
    "limitranges": "/api/v1",
    "events": "/api/v1",
    "actionqueuepolicies": f"/apis/{GROUP}/{VERSION}",
    "executorconfigs": f"/apis/{GROUP}/{VERSION}",
    "leases": "/apis/coordination.k8s.io/v1",
}


class ClusterParts:
    """Collects by the Kubernetes API. Secrets and ConfigMaps are not asked for."""

    def __init__(self, kubernetes: Kubernetes, archive: Archive) -> None:
        self._kubernetes = kubernetes
        self._archive = archive

    async def version(self) -> None:
        """The API server's release."""
        found = await self._kubernetes.get("the version", "/version")
        self._archive.add("kubernetes/version.json", _json(found))

    async def objects(self, namespace: str, plural: str) -> None:
        """All objects of a kind in a namespace."""
        found = await self._listed(namespace, plural)
        self._archive.add(f"kubernetes/{namespace}/{plural}.json", _json(redact_object(found)))

    async def lease(self, namespace: str, name: str) -> None:
        """The Lease by which one replica leads."""
        path = f"{_OBJECTS['leases']}/namespaces/{namespace}/leases/{name}"
        found = await self._kubernetes.get(f"Lease {namespace}/{name}", path)
        self._archive.add(f"kubernetes/{namespace}/lease.json", _json(redact_object(found)))

    async def ends(self, namespace: str) -> None:
        """How containers ended."""
        found = container_ends(await self._listed(namespace, "pods"))
        self._archive.add(f"kubernetes/{namespace}/container-ends.txt", redact_text("\n".join(found)) + "\n")

    async def nodes(self) -> None:
        """The nodes."""
        found = await self._kubernetes.list_all("Nodes", "/api/v1/nodes")
        self._archive.add("kubernetes/nodes.json", _json(redact_object(found)))

    async def node_events(self) -> None:
        """Events of nodes, OOM kills among them."""
        path = "/api/v1/namespaces/default/events"
        found = await self._kubernetes.list_all("Events of Nodes", path, fields="involvedObject.kind=Node")
        self._archive.add("kubernetes/node-events.json", _json(redact_object(found)))

    async def logs(self, namespace: str, folder: str, selector: str, since_seconds: int) -> None:
        """Logs of all containers of pods, of the run before too; one that cannot be had does not spoil the others."""
        path = f"/api/v1/namespaces/{namespace}/pods"
        pods = await self._kubernetes.list_all(f"Pods in namespace {namespace}", path, selector)
        had_one_before = previous_logs(pods)
        problems = [f"only {_MOST_PODS} of {len(pods)} pods"] if len(pods) > _MOST_PODS else []
        for pod in pods[:_MOST_PODS]:
            name = pod["metadata"]["name"]
            spec = pod["spec"]
            for container in [*spec.get("initContainers", ()), *spec["containers"]]:
                place = f"{folder}/{name}/{container['name']}"
                query = [("container", container["name"]), ("timestamps", "true"), ("limitBytes", str(_LOG_BYTES))]
                wanted = [(f"{place}.log", [*query, ("sinceSeconds", str(since_seconds))])]
                if (name, container["name"]) in had_one_before:
                    # All of it: the crash is at its end, whenever that was.
                    wanted.append((f"{place}.previous.log", [*query, ("previous", "true")]))
                for file, asked in wanted:
                    lines = self._kubernetes.lines(
                        f"log of {namespace}/{name} {container['name']}", f"{path}/{name}/log", asked
                    )
                    try:
                        await self._archive.stream(file, _redacted(lines))
                    except CtlError as error:
                        problems.append(str(error))
        if problems:
            raise CtlError("; ".join(problems))

    async def selector(self, namespace: str, deployment: str) -> str:
        """By which labels a Deployment knows its pods."""
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}"
        found = await self._kubernetes.get(f"Deployment {namespace}/{deployment}", path)
        labels: dict[str, str] = found["spec"]["selector"].get("matchLabels", {})
        return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))

    async def _listed(self, namespace: str, plural: str) -> Sequence[Json]:
        path = f"{_OBJECTS[plural]}/namespaces/{namespace}/{plural}"
        return await self._kubernetes.list_all(f"{plural} in namespace {namespace}", path)


async def _redacted(lines: AsyncGenerator[str]) -> AsyncGenerator[str]:
    redact = LineRedactor()
    async for line in lines:
        yield redact(line)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
