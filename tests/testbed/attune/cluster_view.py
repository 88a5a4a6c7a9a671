"""What the demo and the tests want to know of Attune on a cluster, asked with kubectl."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from testbed.cluster.kubectl import Kubectl

OPERATOR = "attune-operator"
WORKERS = "attune-worker"
LEASE = "attune-operator"


@dataclass(frozen=True)
class Workers:
    """Pods of a worker Deployment: wanted by its scale, there, and ready."""

    wanted: int
    current: int
    ready: int


class ClusterView:
    """Looks at one namespace."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self.kubectl = kubectl
        self.namespace = namespace

    def run(self, *arguments: str, stdin: str | None = None, timeout: float = 120) -> str:
        """Kubectl in this namespace; returns what it printed."""
        return self.kubectl.run("--namespace", self.namespace, *arguments, stdin=stdin, timeout=timeout)

    def get(self, *arguments: str) -> Any:
        """An object or a list of objects."""
        return json.loads(self.run("get", *arguments, "--output=json"))

    def leader(self) -> str | None:
        """The name of the pod that leads, if any does."""
        holder: str = self.get("lease", LEASE)["spec"].get("holderIdentity") or ""
        pods = [pod["metadata"]["name"] for pod in self.get("pods")["items"]]
        return next((pod for pod in pods if pod in holder), None)

    def workers(self, deployment: str = WORKERS) -> Workers:
        """How many workers there are."""
        found = self.get("deployment", deployment)
        status = found["status"]
        return Workers(found["spec"].get("replicas", 1), status.get("replicas", 0), status.get("readyReplicas", 0))

    def policies(self) -> list[dict[str, Any]]:
        """The ActionQueuePolicies."""
        return self.get("actionqueuepolicies")["items"]

    def query(self, sql: str) -> Sequence[str]:
        """Lines that psql prints for `sql` in the database's pod, unaligned."""
        printed = self.run(
            "exec", "deployment/postgres", "--", "psql", "-U", "attune", "-d", "attune", "-qAt", "-c", sql, timeout=300
        )
        return printed.splitlines()


def seconds_since(moment: str | None, now: datetime) -> float | None:
    """Age in seconds of an ISO 8601 time."""
    return None if moment is None else max(0.0, (now - datetime.fromisoformat(moment)).total_seconds())
