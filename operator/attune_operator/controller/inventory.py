"""What there is in the watched namespaces: views that events fill, and lists that make good what events missed.

A namespace that the operator may not read does not keep the others from being served. What was known of it stays.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import structlog
from pydantic import ValidationError

from attune_operator.cluster import Cluster, ClusterError, ForbiddenError, NotFoundError
from attune_operator.resources import ActionQueuePolicy, WorkerDeployment
from attune_operator.resources.schema import ResourceModel
from attune_operator.view import ResourceView

_log = structlog.get_logger("attune.operator")

M = TypeVar("M", bound=ResourceModel)

CLUSTER_WIDE: Final[tuple[str | None, ...]] = (None,)
"""In place of names: all namespaces, watched as one."""


class Inventory:
    """The policies and Deployments of the watched namespaces.

    Args:
        watched: names of namespaces, or ``CLUSTER_WIDE``.

    Attributes:
        policies: the policies as last seen.
        deployments: the Deployments as last seen.
        readable: those of ``watched`` that the last refresh could read; all of them before the first.
    """

    def __init__(self, cluster: Cluster, watched: Sequence[str | None]) -> None:
        self._cluster = cluster
        self._watched = tuple(watched)
        self.policies: ResourceView[ActionQueuePolicy] = ResourceView()
        self.deployments: ResourceView[WorkerDeployment] = ResourceView()
        self.readable = self._watched
        self._unlisted = set(self._watched)
        self._unreadable: dict[str | None, frozenset[str]] = {}
        self._kind_missing = False
        self._listeners: list[Callable[[], None]] = []

    def on_readable_change(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called when ``readable`` has changed, or the CRDs are there that were not."""
        self._listeners.append(listener)

    @property
    def unreadable(self) -> frozenset[str] | None:
        """Actions whose policy cannot be read; None while a whole namespace has not been, and it could be any."""
        return None if self._unlisted else frozenset[str]().union(*self._unreadable.values())

    async def refresh(self) -> None:
        """List everything.

        Raises:
            ClusterError: a list failed, otherwise than because one of several namespaces may not be read.
        """
        denied: set[str | None] = set()
        failures: list[ClusterError] = []
        for namespace in self._watched:
            try:
                await self._list(namespace)
            except ForbiddenError as error:
                denied.add(namespace)
                failures += [error] * (len(denied) == len(self._watched))
                self._tell(namespace, error)
            except ClusterError as error:
                failures.append(error)
        readable = tuple(namespace for namespace in self._watched if namespace not in denied) or self.readable
        found = self._kind_missing and not failures
        self._kind_missing = not found and (self._kind_missing or any(isinstance(f, NotFoundError) for f in failures))
        if found or readable != self.readable:
            self.readable = readable
            for listener in self._listeners:
                listener()
        if failures:
            raise failures[0]

    async def _list(self, namespace: str | None) -> None:
        items, version = await self._cluster.policies(namespace)
        policies = [(item, read(ActionQueuePolicy, item)) for item in items]
        self.policies.replace([policy for _, policy in policies if policy is not None], version, namespace)
        items, version = await self._cluster.deployments(namespace)
        deployments = [read(WorkerDeployment, item) for item in items]
        self.deployments.replace(
            [deployment for deployment in deployments if deployment is not None], version, namespace
        )
        self._unreadable[namespace] = frozenset(
            str(item.get("spec", {}).get("actionRef")) for item, policy in policies if policy is None
        )
        self._unlisted.discard(namespace)

    def _tell(self, namespace: str | None, error: ForbiddenError) -> None:
        """Say it once, where it is new."""
        if namespace in self.readable:
            _log.error(
                "a watched namespace cannot be read: bind the role attune-operator-namespace there, or remove it from"
                " operator.watch.namespaces",
                namespace=namespace,
                error=str(error),
            )


def read(model: type[M], item: Mapping[str, Any]) -> M | None:
    """An object of the API as a model; None, and an error in the log, where it does not fit."""
    try:
        return model.model_validate(item)
    except ValidationError:
        metadata = item.get("metadata", {})
        _log.exception(
            "an object cannot be read and stays as it was",
            kind=model.__name__,
            namespace=metadata.get("namespace"),
            name=metadata.get("name"),
        )
        return None
