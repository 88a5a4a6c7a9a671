"""Watches out for others that scale the same Deployments: two of them would fight, and none would know why."""

from collections.abc import Iterable
from typing import Final

import structlog

from attune_operator.cluster import Cluster, ClusterError, ForbiddenError
from attune_operator.resources import ObjectKey

_log = structlog.get_logger("attune.scaling")

LOOK_SECONDS: Final = 15.0
"""As often as a HorizontalPodAutoscaler itself looks."""


class OtherAutoscalers:
    """Who else scales which Deployment, as last seen."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._seen: dict[str, dict[ObjectKey, str]] = {}
        self._told = False

    def of(self, deployment: ObjectKey) -> str | None:
        """Who else scales a Deployment; None where nobody is known to."""
        return self._seen.get(deployment.namespace, {}).get(deployment)

    async def refresh(self, namespaces: Iterable[str]) -> None:
        """Look again in these namespaces, and forget the others; what cannot be looked at stays as it was."""
        wanted = set(namespaces)
        for namespace in self._seen.keys() - wanted:
            del self._seen[namespace]
        for namespace in wanted:
            await self.look(namespace)

    async def look(self, namespace: str) -> None:
        """Look now."""
        try:
            self._seen[namespace] = await self._cluster.scaled_by_others(namespace)
        except ForbiddenError as error:
            if not self._told:
                self._told = True
                _log.warning(
                    "other autoscalers cannot be seen and may fight with this one: bring the role"
                    " attune-operator-namespace up to date",
                    namespace=namespace,
                    error=str(error),
                )
        except ClusterError as error:
            _log.warning("other autoscalers were not looked for", namespace=namespace, error=str(error))
