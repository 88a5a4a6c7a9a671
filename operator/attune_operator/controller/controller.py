"""Runs the passes: each on its own rhythm and sooner when something happened, so that none waits for another."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any, Final, TypeVar

import structlog
from pydantic import ValidationError

from attune_executor.engine.views import UnavailableError
from attune_operator.cluster import Cluster, ClusterError
from attune_operator.controller.autoscaler import Autoscaler
from attune_operator.controller.enforcement import Enforcement
from attune_operator.controller.measurements import Measurements
from attune_operator.controller.ports import Queues
from attune_operator.controller.reporter import Reporter
from attune_operator.resources import ActionQueuePolicy, WorkerDeployment
from attune_operator.resources.schema import ResourceModel
from attune_operator.settings import OperatorSettings
from attune_operator.view import ResourceView

_log = structlog.get_logger("attune.operator")

PASS_SECONDS: Final = 1.0
"""Time between two passes when nothing happens."""
_CALM_SECONDS: Final = 0.1
"""Least time between two passes, however much happens."""

M = TypeVar("M", bound=ResourceModel)


class Nudge:
    """Makes a pass come sooner; may be given from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def give(self) -> None:
        """Something happened."""
        if not self._event.is_set():
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, seconds: float) -> None:
        """Return when something has happened, or after ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return
        self._event.clear()


class Controller:
    """Compares the world with what is declared, for as long as this replica leads.

    Attributes:
        policies: the policies as last seen; whoever watches them fills it in and gives a nudge to ``policies_changed``.
        deployments: the Deployments as last seen, with ``load_changed``.
        events_missed: the nudge to give when events may have been missed.

    Args:
        may_write: whether this replica is sure to lead; while it is not, the passes wait.
    """

    def __init__(
        self,
        cluster: Cluster,
        queues: Queues,
        settings: OperatorSettings,
        load_changed: Nudge,
        may_write: Callable[[], bool],
    ) -> None:
        self._cluster = cluster
        self._queues = queues
        self._settings = settings
        self.policies: ResourceView[ActionQueuePolicy] = ResourceView()
        self.deployments: ResourceView[WorkerDeployment] = ResourceView()
        self._may_write = may_write
        self.policies_changed = Nudge()
        self.events_missed = Nudge()
        self.load_changed = load_changed
        self._enforcement = Enforcement(self.policies, queues)
        self._autoscaler = Autoscaler(cluster, self.deployments)
        self._reporter = Reporter(
            cluster, self.policies, self.deployments, self._enforcement, self._autoscaler, settings.status_seconds
        )
        self._passed: dict[str, float] = {}

    @property
    def oldest_pass_age_seconds(self) -> float:
        """Time since the pass that has been silent the longest came to its end; 0 before the first."""
        return monotonic() - min(self._passed.values()) if self._passed else 0.0

    async def run(self) -> None:
        """Run the passes until cancelled."""
        # Without a complete list every policy that was not seen yet would look deleted.
        while not await self._attempt("resync", self._resync):
            await Nudge().wait(PASS_SECONDS)
        # Once through in order: a status that is written before would tell of a Pending that never was.
        await self._attempt("enforce", self._enforce)
        await self._attempt("scale", self._scale)
        async with asyncio.TaskGroup() as passes:
            passes.create_task(self._repeat("enforce", self._enforce, self.policies_changed, PASS_SECONDS))
            passes.create_task(self._repeat("scale", self._scale, self.load_changed, PASS_SECONDS))
            passes.create_task(self._repeat("report", self._report, Nudge(), PASS_SECONDS))
            passes.create_task(self._repeat("resync", self._resync, self.events_missed, self._settings.resync_seconds))

    async def _repeat(self, name: str, work: Callable[[], Awaitable[None]], nudge: Nudge, seconds: float) -> None:
        while True:
            if self._may_write():
                await self._attempt(name, work)
            if seconds <= PASS_SECONDS:
                self._passed[name] = monotonic()
            await asyncio.sleep(_CALM_SECONDS)
            await nudge.wait(seconds)

    @staticmethod
    async def _attempt(name: str, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except (ClusterError, UnavailableError) as error:
            _log.warning("a pass failed and is repeated", task=name, error=str(error))
            return False
        return True

    async def _resync(self) -> None:
        items, version = await self._cluster.policies()
        policies = [(item, read(ActionQueuePolicy, item)) for item in items]
        self._enforcement.unreadable = frozenset(
            str(item.get("spec", {}).get("actionRef")) for item, policy in policies if policy is None
        )
        self.policies.replace([policy for _, policy in policies if policy is not None], version)
        items, version = await self._cluster.deployments()
        deployments = [read(WorkerDeployment, item) for item in items]
        self.deployments.replace([deployment for deployment in deployments if deployment is not None], version)

    async def _enforce(self) -> None:
        if await self._enforcement.run():
            self.load_changed.give()

    async def _scale(self) -> None:
        await self._autoscaler.run(self._enforcement.rule, self._measure())

    async def _report(self) -> None:
        await self._reporter.run(self._measure())

    def _measure(self) -> Measurements:
        return Measurements.take(self._queues, self._settings.stale_seconds)


def read(model: type[M], item: Mapping[str, Any]) -> M | None:
    """An object of the API as a model; None, and an error in the log, where it does not fit."""
    try:
        return model.model_validate(item)
    except ValidationError:
        name = item.get("metadata", {}).get("name")
        _log.exception("an object cannot be read and stays as it was", kind=model.__name__, name=name)
        return None
