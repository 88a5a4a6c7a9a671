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
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.engine.completion_listener import CompletionListener
from attune_executor.engine.dispatcher import Dispatcher
from attune_executor.engine.inbox import Inbox
from attune_executor.engine.maintenance import Maintenance
from attune_executor.engine.operator_watch import OperatorWatch
from attune_executor.engine.shard_view import ShardView
from attune_executor.engine.statistics import Statistics
from attune_executor.engine.turn_loop import TurnLoop, TurnSettings
from attune_executor.engine.views import ExecutionView, UnavailableError
from attune_executor.ports.broker import Broker
from attune_executor.ports.clock import Clock
from attune_executor.ports.journal import Journal, JournalError, Ownership, StoredExecution

_log = structlog.get_logger("attune.engine")
_DRAIN_SECONDS = 5.0
_SUMMED_AT_ONCE: Final = 50
"""Queues whose minutes are summed before turns come again: some milliseconds' worth."""


class Engine(ShardView):
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
        self._inbox = Inbox(settings.max_waiting_requests, settings.max_waiting_bytes)
        dispatcher = Dispatcher(broker)
        loop = TurnLoop(journal, broker, self._inbox, dispatcher, statistics, clock, settings)
        listener = CompletionListener(self._inbox)
        super().__init__(loop, statistics, dispatcher, listener, broker, clock, settings.roll_call_seconds)
        self._owner = owner
        self._if_epoch = if_epoch
        self._journal = journal
        self._maintenance = maintenance
        self.ownership: Ownership | None = None
        """The shard, and the epoch in which it is owned; None before ``run`` has it. To be read from any thread."""
        self._started = asyncio.Event()
        self._operator_watch = OperatorWatch(journal, self._inbox)

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

    async def execution(self, execution_id: int) -> ExecutionView | None:
        """One execution, with its place in the queue while it waits; None where the id is unknown.

        Raises:
            UnavailableError: the database is away.
        """
        stored = await self._stored(execution_id)
        return None if stored is None else self.view(stored)

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
