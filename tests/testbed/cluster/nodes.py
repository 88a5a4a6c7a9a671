"""A cluster's status as its API server tells it: its nodes."""

from typing import Any

from testbed.cluster.errors import KubectlError
from testbed.cluster.kubectl import Kubectl
from testbed.cluster.provider import ClusterStatus, Component


def status(kubectl: Kubectl) -> ClusterStatus:
    """Return the status of a cluster that answers, with its nodes; else why it does not."""
    try:
        nodes: list[dict[str, Any]] = kubectl.get("nodes")["items"]
    except KubectlError as error:
        return ClusterStatus(running=False, components=(Component("API server", healthy=False, detail=str(error)),))
    return ClusterStatus(running=True, components=tuple(map(_describe, nodes)))


def _describe(node: dict[str, Any]) -> Component:
    ready = any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in node["status"]["conditions"]
    )
    version = node["status"]["nodeInfo"]["kubeletVersion"]
    return Component(node["metadata"]["name"], healthy=ready, detail=f"kubelet {version}")
