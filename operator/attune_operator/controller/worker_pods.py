"""The pods behind the workers: which of them run something, and which Kubernetes is to take away first."""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from attune_operator.cluster import Cluster, NotFoundError
from attune_operator.controller.ports import Queues
from attune_operator.reconcile import pool_of
from attune_operator.resources import ObjectKey

_log = structlog.get_logger("attune.scaling")
_AT_ONCE: Final = 8


class WorkerPods:
    """Tells Kubernetes what its pods are worth. A worker is called by the name of its pod.

    A pod that nobody has priced costs nothing to delete, so only those that run something need a price, and those that
    had one and run nothing any more.

    Args:
        home: the operator's own namespace.
    """

    def __init__(self, cluster: Cluster, queues: Queues, home: str) -> None:
        self._cluster = cluster
        self._queues = queues
        self._home = home
        self._priced: dict[ObjectKey, dict[str, int]] = {}

    async def running(self, deployment: ObjectKey) -> Mapping[str, int]:
        """Executions that each worker of a Deployment has; those that drain are left out."""
        return await self._queues.held_by_worker(pool_of(deployment, self._home))

    async def price(self, deployment: ObjectKey, running: Mapping[str, int]) -> None:
        """Have those with the fewest executions deleted first; to be said just before the Deployment shrinks.

        Raises:
            ClusterError: not all of them are priced, and the wrong ones might go.
        """
        # What an earlier leader wrote is not known, so the first time all of them are told.
        before = self._priced.get(deployment)
        changes = {pod: cost for pod, cost in running.items() if before is None or before.get(pod, 0) != cost}
        permits = asyncio.Semaphore(_AT_ONCE)

        async def tell(pod: str, cost: int) -> None:
            async with permits:
                try:
                    await self._cluster.set_deletion_cost(ObjectKey(deployment.namespace, pod), cost)
                except NotFoundError:
                    # It is going already, or the worker runs outside of the cluster.
                    _log.debug("a worker has no pod", worker=pod, deployment=str(deployment))

        self._priced.pop(deployment, None)
        await asyncio.gather(*(tell(pod, cost) for pod, cost in changes.items()))
        self._priced[deployment] = dict(running)

    def forget(self, deployment: ObjectKey) -> None:
        """The Deployment is scaled no more."""
        self._priced.pop(deployment, None)
