"""The queues of one shard, alive: what the API, the operator and the standalone program talk to."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.execution import TERMINAL, Ending
from attune_executor.domain.maintenance import MaintenanceRules, Task, TaskReport
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.purge import PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.stats import QueueStats
from attune_executor.domain.stuck import StuckExecution, StuckQuery
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.domain.throughput import Throughput, throughput
from attune_executor.engine.checkup import Checkup, Component, PoolView
from attune_executor.engine.completion_listener import CompletionListener
from attune_executor.engine.dispatcher import Dispatcher
from attune_executor.engine.inbox import Inbox
from attune_executor.engine.maintenance import Maintenance
from attune_executor.engine.operator_watch import OperatorWatch
from attune_executor.engine.statistics import Statistics
from attune_executor.engine.turn_loop import TurnLoop, TurnSettings
from attune_executor.engine.views import EngineHealth, ExecutionView, PoolSize, UnavailableError
from attune_executor.ports.broker import Broker, BrokerError
from attune_executor.ports.clock import Clock
from attune_executor.ports.journal import Journal, JournalError, Ownership, StoredExecution

_log = structlog.get_logger("attune.engine")
_DRAIN_SECONDS = 5.0
_SUMMED_AT_ONCE: Final = 50
"""Queues whose minutes are summed before turns come again: some milliseconds' worth."""


class Engine:
    """Owns a shard while it runs. To be used from its own loop, except for ``stats`` and ``health``."""

    def __init__(
        self,
        owner: str,
        journal: Journal,
        broker: Broker,
        statistics: Statistics,
        clock: Clock,
        settings: TurnSettings | None = None,
        maintenance: Maintenance | None = None,
        if_epoch: int | None = None,
    ) -> None:
        settings = settings or TurnSettings()
        self._owner = owner
        self._if_epoch = if_epoch
        self._journal = journal
        self._broker = broker
        self._statistics = statistics
        self._clock = clock
        self._maintenance = maintenance
        self._settings = settings
        self.ownership: Ownership | None = None
        """The shard, and the epoch in which it is owned; None before ``run`` has it. To be read from any thread."""
        self._started = asyncio.Event()
        self._inbox = Inbox(settings.max_waiting_requests, settings.max_waiting_bytes)
        self._dispatcher = Dispatcher(broker)
        self._listener: CompletionListener | None = None
        self._operator_watch = OperatorWatch(journal, self._inbox)
        self._loop = TurnLoop(journal, broker, self._inbox, self._dispatcher, statistics, clock, settings)

    async def run(self) -> None:
        """Own the shard and turn until ``stop``.

        Raises:
            FencedError: another owner took the shard over.
            JournalError: the database was away at the start.
            BrokerError: the broker was away at the start.
        """
        ownership = self.ownership = await self._journal.acquire(self._owner, self._if_epoch)
        _log.info("shard acquired", shard=ownership.shard, owner=ownership.owner, epoch=ownership.epoch)
        self._dispatcher.confirmed_order = ownership.confirmed_order
        await self._loop.load(ownership)
        self._listener = CompletionListener(self._inbox)
        await self._broker.start(self._listener.on_report)
        turning = asyncio.create_task(self._loop.run(ownership), name="turns")
        dispatching = asyncio.create_task(self._dispatcher.run(), name="dispatcher")
        counting = asyncio.create_task(self._statistics.run(), name="statistics")
        watching = asyncio.create_task(self._operator_watch.run(), name="operator watch")
        tasks = [turning, dispatching, counting, watching]
        if self._maintenance is not None:
            tasks.append(asyncio.create_task(self._maintenance.run(), name="maintenance"))
        self._started.set()
        try:
            # Any of them ending early is a failure of the whole: half an engine would look alive.
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await self._hand_over()
        finally:
            self._loop.serving = False
            self._inbox.close(UnavailableError("the executor is stopping"))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._broker.stop()

    async def started(self) -> None:
        """Return once the engine turns."""
        await self._started.wait()

    def stop(self) -> None:
        """End after the turn that runs now."""
        self._loop.stop()

    async def submit(self, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
        """Accept or refuse requests, in order; what is accepted is durable when this returns.

        Raises:
            UnavailableError: nothing is known to be accepted; retry with the same idempotency keys.
        """
        if not self._loop.serving:
            raise UnavailableError(self._loop.detail)
        if not self._broker.connected:
            raise UnavailableError("message broker away")
        return await self._inbox.submit(requests)

    async def set_policy(self, ref: str, policy: QueuePolicy) -> None:
        """Declare an action's policy; in force when this returns.

        Raises:
            UnavailableError: not known to be in force; try again.
        """
        await self._inbox.change_policy(ref, policy)

    async def remove_policy(self, ref: str) -> None:
        """Refuse new executions of the action; what waits drains under the last limit.

        Raises:
            UnavailableError: not known to be in force; try again.
        """
        await self._inbox.change_policy(ref, None)

    async def set_emergency(self, emergency: Emergency | None) -> None:
        """Begin, change or (None) end emergency mode; in force when this returns.

        Raises:
            UnavailableError: not known to be in force; try again.
        """
        await self._inbox.change_emergency(emergency)

    def set_maintenance(self, rules: MaintenanceRules) -> None:
        """Change what maintenance does, from its next task on; nothing where this engine does none."""
        if self._maintenance is not None:
            self._maintenance.rules = rules

    async def cancel(self, execution_id: int) -> Intervention:
        """Keep an execution from running, or have its worker stop it; durable when this returns.

        Raises:
            UnavailableError: not known to be cancelled; try again.
        """
        return await self._end(execution_id, None)

    async def complete(self, execution_id: int, ending: Ending) -> Intervention:
        """End an execution as an operator says, without waiting for its worker; durable when this returns.

        Raises:
            UnavailableError: not known to have ended; try again.
        """
        return await self._end(execution_id, ending)

    async def _end(self, execution_id: int, ending: Ending | None) -> Intervention:
        stored = await self._stored(execution_id)
        if stored is None:
            return Intervention.UNKNOWN
        if stored.status in TERMINAL:
            return Intervention.ENDED
        return await self._inbox.end(stored, ending)

    async def purge(self, order: PurgeOrder) -> PurgeReport | PurgeRefused | None:
        """Cancel what waits for an action, and nothing that runs; durable when this returns. None: unknown action.

        Raises:
            UnavailableError: some may be cancelled, the others wait on; look, and ask again.
        """
        if not self._loop.serving:
            raise UnavailableError(self._loop.detail)
        if self._loop.manager.queue(order.action_ref) is None:
            return None
        return await self._inbox.purge(order)

    async def stuck(self, query: StuckQuery) -> Sequence[StuckExecution]:
        """Executions that hold a slot and that nothing was heard of for long, the oldest first, as they are now.

        Raises:
            UnavailableError: the queues are being rebuilt.
        """
        if not self._loop.serving:
            raise UnavailableError(self._loop.detail)
        return self._loop.manager.stuck(query, self._clock.now())

    def policies(self) -> dict[str, QueuePolicy]:
        """Declared policies by action."""
        return {queue.ref: queue.policy for queue in self._loop.manager.queues() if queue.governed}

    def stats(self) -> Sequence[QueueStats]:
        """The latest picture of every queue, at most a fraction of a second old."""
        return tuple(self._statistics.snapshot.values())

    def stats_of(self, ref: str) -> QueueStats | None:
        """One queue as it is now, the turn under way included; None where the action is unknown.

        While nothing can be committed: as it last was.
        """
        if not self._loop.serving:
            return self._statistics.snapshot.get(ref)
        queue = self._loop.manager.queue(ref)
        return None if queue is None else queue.stats(self._clock.now())

    async def throughput(self, ref: str | None = None) -> Sequence[Throughput]:
        """What came and what ended in the last hour, of one action or of all; nothing where the action is unknown."""
        manager = self._loop.manager
        queues = list(manager.queues()) if ref is None else [queue for queue in (manager.queue(ref),) if queue]
        found: list[Throughput] = []
        for number, queue in enumerate(queues, start=1):
            found.append(throughput(queue, self._clock.now()))
            if number % _SUMMED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return found

    def held_by_worker(self, pool: str) -> dict[str, int]:
        """Executions of this shard that each worker of a pool has; those that drain are left out."""
        return self._loop.manager.held_by_worker(pool)

    def pools(self) -> dict[str, PoolSize]:
        """The pools of workers that anybody spoke of, by name."""
        return {
            pool.name: PoolSize(
                workers=sum(not worker.draining for worker in pool.workers.values()),
                draining=sum(worker.draining for worker in pool.workers.values()),
                slots=pool.slots,
                held=sum(len(worker.held) for worker in pool.workers.values()),
            )
            for pool in self._loop.manager.pools()
        }

    async def execution(self, execution_id: int) -> ExecutionView | None:
        """One execution, with its place in the queue while it waits; None where the id is unknown.

        Raises:
            UnavailableError: the database is away.
        """
        stored = await self._stored(execution_id)
        return None if stored is None else self.view(stored)

    def view(self, stored: StoredExecution) -> ExecutionView:
        """An execution as it was just read from the journal, with its place in the queue while it waits."""
        queue = self._loop.manager.queue_of(stored.action_id)
        if queue is None:
            return ExecutionView(stored, None, None)
        position = queue.position(stored.group_key, stored.queue_order)
        if position == 0:
            return ExecutionView(stored, None, None)
        slots = next((pool.slots for pool in self._loop.manager.pools() if pool.name == queue.policy.pool), None)
        return ExecutionView(stored, position, queue.estimated_wait_seconds(position, self._clock.now(), slots))

    def tasks(self) -> Sequence[TaskReport]:
        """How the tasks of maintenance stand; none where this engine does not do them."""
        return () if self._maintenance is None else self._maintenance.report()

    async def maintenance(self) -> Sequence[TaskReport]:
        """The same."""
        return self.tasks()

    async def run_maintenance(self, task: Task) -> TaskReport:
        """Have a task run now, unless it is switched off; returns how it stands then.

        Raises:
            UnavailableError: this engine does none.
        """
        if self._maintenance is None:
            raise UnavailableError("no maintenance is done here")
        return self._maintenance.start(task)

    def health(self) -> EngineHealth:
        """Whether the engine turns."""
        return EngineHealth(
            self._loop.serving, self._loop.last_turn_age_seconds, self._broker.connected, self._loop.detail
        )

    async def checkup(self) -> Checkup:
        """Every part's signs of life, the workers, and why each queue waits."""
        try:
            depths = await self._broker.depths()
        except BrokerError:
            # What is wrong with it is in its condition.
            depths = None
        manager, now = self._loop.manager, self._clock.now()
        return Checkup(
            serving=self._loop.serving,
            detail=self._loop.detail,
            last_turn_age_seconds=self._loop.last_turn_age_seconds,
            roll_call_seconds=self._settings.roll_call_seconds,
            components=self._components(),
            depths=depths,
            pools=[PoolView.of(pool) for pool in manager.pools()],
            standings=list(manager.standings(now)),
        )

    def _components(self) -> list[Component]:
        broker, listener = self._broker.condition, self._listener
        reported = None if listener is None else listener.last_report_at
        # A broker that is there and refuses is no broker that is away: it is the listener that cannot listen.
        there = broker.connected or broker.refused
        return [
            Component("broker", there, broker.since, None, broker.last_error),
            Component("completion_listener", broker.connected, broker.since, reported, broker.last_error),
            Component.of("dispatcher", self._dispatcher.vital),
            Component.of("statistics", self._statistics.vital),
        ]

    async def _stored(self, execution_id: int) -> StoredExecution | None:
        try:
            return await self._journal.execution(execution_id)
        except JournalError as error:
            raise UnavailableError(str(error)) from error

    async def _hand_over(self) -> None:
        """Publish what is committed and record its confirmation, so that the successor repeats nothing."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self._dispatcher.drained()
                await self._loop.commit_confirmations()
        except (TimeoutError, JournalError) as error:
            _log.warning("stopping with dispatches unconfirmed, the successor repeats them", reason=str(error))
