"""Brings the executor to what the ExecutorConfig says, or the settings where there is none.

The object is one, and asked for by name every second: whatever becomes of the watches, a change in an emergency counts
at once.
"""

import structlog

from attune_operator.cluster import Cluster, ForbiddenError, NotFoundError
from attune_operator.controller.inventory import read
from attune_operator.controller.ports import Configurable
from attune_operator.resources import ExecutorConfig, ExecutorRules, ObjectKey
from attune_operator.resources.config import CONFIG_NAME

_log = structlog.get_logger("attune.operator")


class Configuration:
    """The executor's rules.

    Args:
        namespace: where the object is: the operator's own.
        otherwise: what holds without the object.

    Attributes:
        current: the object as last seen; None where there is none.
        followed: what the executor was last told; None before the first time.
    """

    def __init__(self, cluster: Cluster, executor: Configurable, namespace: str, otherwise: ExecutorRules) -> None:
        self._cluster = cluster
        self._executor = executor
        self._key = ObjectKey(namespace, CONFIG_NAME)
        self._otherwise = otherwise
        self._forbidden = False
        self.current: ExecutorConfig | None = None
        self.followed: ExecutorRules | None = None

    @property
    def wanted(self) -> ExecutorRules:
        """What the object says; the settings where there is none."""
        if self.current is None:
            return self._otherwise
        # Without statistics in the table there is nothing true to take snapshots of.
        return self.current.spec.rules(statistics=self._otherwise.maintenance.snapshots)

    async def refresh(self) -> None:
        """Look what the object says now. One that cannot be read ends no emergency: the rules stay as they were.

        Raises:
            ClusterError: the API does not answer.
        """
        try:
            item = await self._cluster.executor_config(self._key)
        except NotFoundError:
            self.current = None
        except ForbiddenError as error:
            if not self._forbidden:
                _log.error(
                    "the ExecutorConfig cannot be read and has no effect: apply manifests/base/rbac.yaml",
                    error=str(error),
                )
            self._forbidden = True
            return
        else:
            self.current = read(ExecutorConfig, item) or self.current
        self._forbidden = False

    async def apply(self) -> bool:
        """Have the executor follow; returns whether anything was changed.

        Raises:
            UnavailableError: the executor did not take the rules; the next pass tries again.
        """
        wanted = self.wanted
        if wanted == self.followed:
            return False
        await self._executor.limit_requests(wanted.requests_per_minute)
        await self._executor.set_maintenance(wanted.maintenance)
        await self._executor.set_emergency(wanted.emergency)
        self.followed = wanted
        _log.info(
            "executor configured",
            emergency_mode=wanted.emergency is not None,
            requests_per_minute=wanted.requests_per_minute,
            queue=wanted.queue,
            maintenance=wanted.maintenance,
        )
        return True
