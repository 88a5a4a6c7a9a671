"""One worker: takes executions off its pool's queue, runs them in its slots, and drains when it is told to stop."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog

from attune_executor.amqp.link import Link, Session
from attune_executor.amqp.topology import pool_queue_name
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.records import Finished, Started
from attune_executor.domain.workers import Heartbeat
from attune_executor.observability import LogSettings
from attune_executor.ports.broker import DeliveryMark
from attune_executor.wire.dispatches import Assignment
from attune_executor.wire.envelope import Origin
from attune_executor.worker.assignments import Assignments, Consequences
from attune_executor.worker.deliveries import Deliveries
from attune_executor.worker.execution import Execution, Key
from attune_executor.worker.invocation import Invoker
from attune_executor.worker.outcome import Outcome
from attune_executor.worker.presence import Presence
from attune_executor.worker.registry import Action
from attune_executor.worker.reports import Reporter
from attune_executor.worker.slots import Slots, Stop

_CLOSE_SECONDS: Final = 5

_log: Final = structlog.get_logger("attune.worker")


class WorkerRuntime:
    """One worker.

    Args:
        link: not started.
        actions: what it can run, by ref.
        name: this worker's name, as the executor records it; unique among all workers.
        pool: whose queue it takes from.
        slots: executions at once, at least 1; also the messages that it holds unacknowledged.
        max_result_bytes: the most JSON that an action may return.
        log: how the processes log that actions run in.
    """

    def __init__(
        self,
        link: Link,
        actions: Mapping[str, Action[..., Any]],
        name: str,
        pool: str,
        slots: int,
        max_result_bytes: int,
        log: LogSettings,
    ) -> None:
        self._link = link
        self._actions = actions
        self._name = name
        self._pool = pool
        self._slot_count = slots
        self._assignments = Assignments(name)
        self._invoker = Invoker(actions, slots, max_result_bytes, log)
        self._slots = Slots(self._invoker, slots, take=self._take, on_start=self._started, on_end=self._finished)
        self._deliveries = Deliveries(link, pool, name, slots, self._receive)
        self._presence = Presence(self._heartbeat, self._cancel)
        self._reporter = Reporter(link, name, self._sent, self._confirmed)
        self._session: Session | None = None
        self._draining = False
        self._idle = asyncio.Event()

    @property
    def readiness(self) -> tuple[bool, str]:
        """Whether it takes executions now, and what it does in a few words."""
        running, left_behind = self._slots.running, self._slots.left_behind
        stuck = f", {left_behind} that cannot be stopped" if left_behind else ""
        if self._draining:
            return False, f"draining: {running} running{stuck}"
        if self._link.session is None:
            return False, "not connected to the broker"
        state = f"consuming {pool_queue_name(self._pool)}: {running} of {self._slot_count} running{stuck}"
        return left_behind < self._slot_count, state

    @property
    def left_behind(self) -> int:
        """Actions that still run though nobody waits for them."""
        return self._slots.left_behind

    async def start(self) -> None:
        """Connect and begin to take executions; raises BrokerError when the first connection fails."""
        await self._link.start(self._prepare)
        self._invoker.prepare()
        _log.info(
            "worker ready", worker=self._name, pool=self._pool, slots=self._slot_count, actions=sorted(self._actions)
        )

    async def run(self, stop: asyncio.Event, abandon: asyncio.Event, drain_seconds: float | None) -> None:
        """Work until ``stop``, then drain: take nothing more, finish what runs, have its completion confirmed.

        What is not done within ``drain_seconds`` (None: however long it takes), or at ``abandon``, goes back to the
        queue.
        """
        reporting = asyncio.create_task(self._reporter.run(), name="reporter")
        stopping = asyncio.create_task(stop.wait())
        draining: asyncio.Task[None] | None = None
        abandoning = asyncio.create_task(abandon.wait())
        try:
            failing = {reporting, self._slots.failed}
            await asyncio.wait({*failing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            draining = asyncio.create_task(self._drain())
            await asyncio.wait(
                {*failing, draining, abandoning}, timeout=drain_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for part in (*failing, draining):
                if part.done():
                    # Each ends by itself only by failing, or having drained.
                    part.result()
            if not draining.done():
                _log.warning("drain cut short, the rest goes back to the queue", running=self._slots.running)
        finally:
            for task in (reporting, stopping, draining, abandoning):
                if task is not None:
                    task.cancel()
            await self._slots.close(_CLOSE_SECONDS)
            await self._link.stop()

    async def _prepare(self, session: Session) -> None:
        self._assignments.lose_deliveries()
        self._notice_idle()
        self._session = session
        await self._presence.listen(session, self._pool, self._name)
        await self._deliveries.declare(session)
        if not self._draining:
            await self._deliveries.consume(session)
        self._presence.announce(session)

    def _receive(
        self, mark: DeliveryMark, origin: Origin, assignments: Sequence[Assignment], redelivered: bool
    ) -> Sequence[DeliveryMark]:
        """Take what a message brought; returns what can be acknowledged at once."""
        consequences = self._assignments.deliver(mark, origin, assignments, time.time(), redelivered)
        self._carry_out(consequences, Stop.REPLACED)
        self._slots.fill()
        return consequences.acknowledge

    def _cancel(self, cancelled: Sequence[Key]) -> None:
        self._carry_out(self._assignments.cancel(cancelled, time.time()), Stop.CANCELLED)
        self._notice_idle()

    def _carry_out(self, consequences: Consequences, stop: Stop) -> None:
        for execution in consequences.report:
            if execution.completion is not None:
                _log.info(
                    "reported without running it",
                    execution_id=execution.assignment.execution_id,
                    status=execution.completion.status,
                )
                self._reporter.finished(execution.completion, execution.origin, execution.assignment.shard)
        for execution in consequences.stop:
            self._slots.stop(execution.key, stop)

    def _take(self) -> Execution | None:
        # What waits from a session that is over is on its way to be delivered again, maybe to another worker.
        if self._session is None or self._session.lost.done():
            return None
        return self._assignments.start_next()

    def _started(self, execution: Execution, started_at: float) -> None:
        assignment = execution.assignment
        self._reporter.started(
            Started(assignment.execution_id, assignment.attempt, self._name, started_at), assignment.shard
        )

    def _finished(self, execution: Execution, outcome: Outcome | None, started_at: float) -> None:
        assignment = execution.assignment
        if outcome is not None:
            if outcome.status is not ExecutionStatus.SUCCEEDED:
                _log.info(
                    f"execution {outcome.status}", execution_id=assignment.execution_id, action=assignment.action_ref
                )
            completion = Finished(
                assignment.execution_id,
                assignment.attempt,
                outcome.status,
                outcome.result,
                self._name,
                started_at,
                time.time(),
            )
            if self._assignments.finish(execution, completion):
                self._reporter.finished(completion, execution.origin, assignment.shard)
                self._notice_idle()
                return
        self._reporter.ended(*execution.key)
        self._notice_idle()

    async def _sent(self, completions: Sequence[Finished]) -> None:
        await self._acknowledge(self._assignments.sent(completions))

    async def _confirmed(self, completions: Sequence[Finished]) -> None:
        await self._acknowledge(self._assignments.confirm(completions))

    async def _acknowledge(self, marks: Sequence[DeliveryMark]) -> None:
        if self._session is not None:
            await self._deliveries.acknowledge(self._session, marks)

    def _heartbeat(self) -> Heartbeat:
        free = self._slot_count - self._slots.left_behind
        return Heartbeat(self._name, self._pool, free, self._draining, self._assignments.held)

    async def _drain(self) -> None:
        self._draining = True
        _log.info("draining", running=self._slots.running, waiting=self._assignments.waiting)
        session = self._session
        if session is None or session.lost.done():
            self._assignments.lose_deliveries()
        else:
            await self._deliveries.stop_consuming(session)
            for returned in self._assignments.hand_back():
                await self._deliveries.hand_back(session, returned)
            self._presence.announce(session)
        self._notice_idle()
        await self._idle.wait()
        await self._reporter.flushed()
        _log.info("drained")

    def _notice_idle(self) -> None:
        if self._draining and not self._slots.running and not self._assignments.waiting:
            self._idle.set()
