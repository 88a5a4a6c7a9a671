"""The life of one replica: stand by, lead, and stop so that the next one can start at once."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import structlog

from attune_operator.cluster import Cluster, ClusterError
from attune_operator.controller import Controller, Nudge
from attune_operator.executor import ExecutorFacade, ExecutorThread
from attune_operator.handlers import Watcher
from attune_operator.health import Health, HealthServer
from attune_operator.leader import LeaderElection, LeaseTimes
from attune_operator.resources import ExecutorRules
from attune_operator.rulers import Rulers
from attune_operator.scaling import DecisionHistory
from attune_operator.settings import OperatorSettings

_log = structlog.get_logger("attune.operator")

LEADER_ROLE: Final = "leader"
_LABEL_SECONDS: Final = 2.0


class Replica:
    """One process of the operator.

    Args:
        create_executor: makes the executor of a leader, on the executor's own thread.
        rules: what the executor follows where there is no ExecutorConfig.
        rulers: told which policy rules which action, for whoever guards the executor's API.
        decisions: told what is decided about the number of workers, for the executor's API.
    """

    def __init__(
        self,
        settings: OperatorSettings,
        cluster: Cluster,
        create_executor: Callable[[], ExecutorFacade],
        rules: ExecutorRules,
        rulers: Rulers,
        decisions: DecisionHistory,
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._create_executor = create_executor
        self._rules = rules
        self._rulers = rulers
        self._decisions = decisions
        self._health = Health()
        times = LeaseTimes(settings.lease_duration_seconds, settings.renew_deadline_seconds, settings.retry_seconds)
        self._election = LeaderElection(cluster, settings.lease_name, settings.identity, times)

    async def run(self, stop: asyncio.Event) -> None:
        """Stand by, lead once this replica has the lease, and return after ``stop``.

        Raises:
            LeadershipLostError: another replica leads: this process must end without any ceremony.
            Exception: what made the leader's work end early; the lease is released.
        """
        server = HealthServer(self._health, self._settings.health_port)
        await server.start()
        self._health.ages["lease attempt"] = lambda: self._election.last_attempt_age_seconds
        stopping = asyncio.create_task(stop.wait(), name="stop signal")
        try:
            labelling = asyncio.create_task(self._take_role(None), name="standby label")
            acquiring = asyncio.create_task(self._election.acquire(), name="election")
            await asyncio.wait({stopping, acquiring}, return_when=asyncio.FIRST_COMPLETED)
            await _cancel(labelling)
            if acquiring.done():
                acquiring.result()
                await self._lead(stopping)
            else:
                await _cancel(acquiring)
        finally:
            stopping.cancel()
            await server.stop()

    async def _lead(self, stopping: "asyncio.Task[Any]") -> None:
        holding = asyncio.create_task(self._election.hold(), name="lease")
        working = asyncio.create_task(self._work(stopping), name="leader's work")
        await asyncio.wait({holding, working}, return_when=asyncio.FIRST_COMPLETED)
        if holding.done():
            holding.result()
        await _cancel(holding)
        await self._election.release()
        with suppress(ClusterError):
            # Only courtesy to the Service: a pod that is going gets no requests anyway.
            await self._label(None)
        working.result()

    async def _work(self, stopping: "asyncio.Task[Any]") -> None:
        """Run executor, controller and watcher until ``stopping`` is done; raises what ended one of them early."""
        self._health.ready = False
        load_changed = Nudge()
        executor = ExecutorThread(self._create_executor, load_changed.give)
        executor.start()
        try:
            started = asyncio.wrap_future(executor.started)
            await asyncio.wait({stopping, started}, return_when=asyncio.FIRST_COMPLETED)
            if started.done():
                started.result()
                await self._control(executor, load_changed, stopping)
        finally:
            await executor.stop()

    async def _control(self, executor: ExecutorThread, load_changed: Nudge, stopping: "asyncio.Task[Any]") -> None:
        controller = Controller(
            self._cluster,
            executor,
            self._settings,
            load_changed,
            self._rules,
            self._rulers,
            self._decisions,
            lambda: self._election.current,
        )
        watcher = Watcher(controller)
        watcher.start()
        controlling = asyncio.create_task(controller.run(), name="controller")
        labelling = asyncio.create_task(self._take_over(controller), name="leader label")
        self._health.ages["pass"] = lambda: controller.oldest_pass_age_seconds
        ends = {
            "executor": asyncio.wrap_future(executor.finished),
            "watcher": asyncio.wrap_future(watcher.finished),
            "controller": controlling,
        }
        try:
            await asyncio.wait({stopping, *ends.values()}, return_when=asyncio.FIRST_COMPLETED)
            for name, end in ends.items():
                if end.done():
                    end.result()
                    raise RuntimeError(f"the {name} ended unasked")
        finally:
            self._health.ready = False
            del self._health.ages["pass"]
            await _cancel(labelling)
            await _cancel(controlling)
            await watcher.stop()

    async def _take_over(self, controller: Controller) -> None:
        """Have requests come here, once the limits that they are to meet are in force."""
        await controller.in_force.wait()
        await self._take_role(LEADER_ROLE)

    async def _take_role(self, role: str | None) -> None:
        """Label the pod, however long that takes; ready when it is done, since only then requests go the right way."""
        while True:
            try:
                await self._label(role)
            except ClusterError as error:
                _log.warning("the pod was not labelled, requests may go the wrong way", role=role, error=str(error))
                await asyncio.sleep(_LABEL_SECONDS)
            else:
                self._health.ready = True
                return

    async def _label(self, role: str | None) -> None:
        if self._settings.pod_name is not None:
            await self._cluster.label_role(self._settings.pod_name, role)


async def _cancel(task: "asyncio.Task[Any]") -> None:
    """Cancel a task and wait for its end, whatever that is; what it failed of has been said or does not matter now."""
    task.cancel()
    await asyncio.wait({task})
