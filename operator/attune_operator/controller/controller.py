"""Runs the passes: each on its own rhythm and sooner when something happened, so that none waits for another."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

import structlog

from attune_executor.engine.views import UnavailableError
from attune_operator.cluster import Cluster, ClusterError
from attune_operator.controller.autoscaler import Autoscaler
from attune_operator.controller.config_reporter import ConfigReporter
from attune_operator.controller.configuration import Configuration
from attune_operator.controller.enforcement import Enforcement
from attune_operator.controller.events import EventRecorder
from attune_operator.controller.inventory import Inventory
from attune_operator.controller.measurements import Measurements
from attune_operator.controller.other_autoscalers import LOOK_SECONDS
from attune_operator.controller.ports import Queues
from attune_operator.controller.reporter import Reporter
from attune_operator.resources import ExecutorRules
from attune_operator.rulers import Rulers
from attune_operator.scaling import DecisionHistory
from attune_operator.settings import OperatorSettings

_log = structlog.get_logger("attune.operator")

PASS_SECONDS: Final = 1.0
"""Time between two passes when nothing happens."""
_CALM_SECONDS: Final = 0.1
"""Least time between two passes, however much happens."""


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
        inventory: what there is, as last seen. Whoever watches policies fills them in and gives a nudge to
            ``policies_changed``; whoever watches Deployments, to ``load_changed``.
        events_missed: the nudge to give when events may have been missed.
        in_force: set once what is declared has been put in force for the first time, or cannot be.

    Args:
        rules: what the executor follows where there is no ExecutorConfig.
        rulers: told which policy rules which action.
        decisions: told what is decided about the number of workers.
        may_write: whether this replica is sure to lead; while it is not, the passes wait.
    """

    def __init__(
        self,
        cluster: Cluster,
        queues: Queues,
        settings: OperatorSettings,
        load_changed: Nudge,
        rules: ExecutorRules,
        rulers: Rulers,
        decisions: DecisionHistory,
        may_write: Callable[[], bool],
    ) -> None:
        self._cluster = cluster
        self._queues = queues
        self._settings = settings
        self.inventory = Inventory(cluster, settings.watched)
        self._may_write = may_write
        self.policies_changed = Nudge()
        self.events_missed = Nudge()
        self.load_changed = load_changed
        self._enforcement = Enforcement(self.inventory, queues, settings.namespace, rulers)
        self._autoscaler = Autoscaler(cluster, queues, self.inventory.deployments, decisions, settings.namespace)
        self._configuration = Configuration(cluster, queues, settings.namespace, rules)
        self._events = EventRecorder(cluster, settings.identity)
        self._reporter = Reporter(
            cluster,
            self.inventory,
            self._configuration,
            self._enforcement,
            self._autoscaler,
            self._events,
            settings.status_seconds,
        )
        self._config_reporter = ConfigReporter(
            cluster, self._configuration, self._enforcement, queues, self._events, settings.status_seconds
        )
        self.in_force = asyncio.Event()
        self._passed: dict[str, float] = {}

    @property
    def oldest_pass_age_seconds(self) -> float:
        """Time since the pass that has been silent the longest came to its end; 0 before the first."""
        return monotonic() - min(self._passed.values()) if self._passed else 0.0

    async def run(self) -> None:
        """Run the passes until cancelled."""
        # Without a complete list every policy that was not seen yet would look deleted.
        while not await self._attempt("resync", self._first_look):
            await Nudge().wait(PASS_SECONDS)
        # Once through in order: a status that is written before would tell of a Pending that never was.
        await self._attempt("enforce", self._enforce)
        self.in_force.set()
        await self._attempt("scale", self._scale)
        async with asyncio.TaskGroup() as passes:
            passes.create_task(self._repeat("enforce", self._enforce, self.policies_changed, PASS_SECONDS))
            passes.create_task(self._repeat("configure", self._configure, Nudge(), PASS_SECONDS))
            passes.create_task(self._repeat("scale", self._scale, self.load_changed, PASS_SECONDS))
            passes.create_task(self._repeat("look around", self._autoscaler.look_around, Nudge(), LOOK_SECONDS))
            passes.create_task(self._repeat("report", self._report, Nudge(), PASS_SECONDS))
            passes.create_task(
                self._repeat("resync", self.inventory.refresh, self.events_missed, self._settings.resync_seconds)
            )

    async def _repeat(self, name: str, work: Callable[[], Awaitable[None]], nudge: Nudge, seconds: float) -> None:
        failures = 0
        while True:
            if self._may_write():
                failures = 0 if await self._attempt(name, work) else failures + 1
            if seconds <= PASS_SECONDS:
                self._passed[name] = monotonic()
            await asyncio.sleep(_CALM_SECONDS)
            # What is rare must not stay undone for as long: sooner after a failure, at doubling intervals.
            await nudge.wait(min(seconds, 2.0 ** min(failures, 10)) if failures else seconds)

    @staticmethod
    async def _attempt(name: str, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except (ClusterError, UnavailableError) as error:
            _log.warning("a pass failed and is repeated", task=name, error=str(error))
            return False
        return True

    async def _first_look(self) -> None:
        await self.inventory.refresh()
        await self._configuration.refresh()

    async def _configure(self) -> None:
        before = self._configuration.wanted
        await self._configuration.refresh()
        if self._configuration.wanted != before:
            self.policies_changed.give()

    async def _enforce(self) -> None:
        configured = await self._configuration.apply()
        enforced = await self._enforcement.run(self._configuration.wanted.queue)
        if configured or enforced:
            self.load_changed.give()

    async def _scale(self) -> None:
        await self._autoscaler.run(self._enforcement.rule, self._measure())

    async def _report(self) -> None:
        measurements = self._measure()
        await self._reporter.run(measurements)
        await self._config_reporter.run(measurements)

    def _measure(self) -> Measurements:
        return Measurements.take(self._queues, self._settings.stale_seconds)
