"""Takes executions off the pool's queue, runs up to so many at once, and acknowledges what is reported."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import structlog
from aiormq.abc import DeliveredMessage

from attune_executor.amqp.dead_letters import dead_letter
from attune_executor.amqp.errors import guarded
from attune_executor.amqp.link import Link, Session
from attune_executor.amqp.topology import declare_pool, pool_queue_name
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.records import Finished, Started
from attune_executor.ports.broker import BrokerError, DeliveryMark
from attune_executor.wire.envelope import MalformedMessageError
from attune_executor.wire.messages import decode_dispatches
from attune_executor.worker.assignments import Assignments, Execution
from attune_executor.worker.invocation import invoke
from attune_executor.worker.registry import Action
from attune_executor.worker.reports import Reporter
from attune_executor.worker.threads import ActionThreads

_CANCEL_TIMEOUT_SECONDS: Final = 5

_log: Final = structlog.get_logger("attune.worker")


class WorkerRuntime:
    """One worker.

    Args:
        link: not started.
        actions: what it can run, by ref.
        name: this worker's name, as the executor records it.
        pool: whose queue it takes from.
        slots: executions at once, at least 1; also the messages that it holds unacknowledged.
    """

    def __init__(self, link: Link, actions: Mapping[str, Action[..., Any]], name: str, pool: str, slots: int) -> None:
        self._link = link
        self._actions = actions
        self._name = name
        self._pool = pool
        self._slots = slots
        self._threads = ActionThreads(slots)
        self._assignments = Assignments()
        self._reporter = Reporter(link, name, self._acknowledge)
        self._session: Session | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False
        self._idle = asyncio.Event()

    @property
    def readiness(self) -> tuple[bool, str]:
        """Whether it takes executions now, and what it does in a few words."""
        if self._draining:
            return False, f"draining: {self._assignments.running} running"
        if self._link.session is None:
            return False, "not connected to the broker"
        return True, f"consuming {pool_queue_name(self._pool)}: {self._assignments.running} of {self._slots} running"

    async def start(self) -> None:
        """Connect and begin to take executions; raises BrokerError when the first connection fails."""
        await self._link.start(self._prepare)
        _log.info("worker ready", pool=self._pool, slots=self._slots, actions=sorted(self._actions))

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
            await asyncio.wait({reporting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            draining = asyncio.create_task(self._drain())
            await asyncio.wait(
                {reporting, draining, abandoning}, timeout=drain_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for task in (reporting, draining):
                if task.done():
                    # Either ends by itself only by failing, or having drained.
                    task.result()
            if not draining.done():
                _log.warning("drain cut short, the rest goes back to the queue", running=self._assignments.running)
        finally:
            for task in (reporting, stopping, draining, abandoning, *self._tasks):
                if task is not None:
                    task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._link.stop()
            self._threads.close()

    @property
    def left_behind(self) -> int:
        """Sync actions that still run: nothing can cancel a thread."""
        return self._threads.busy

    async def _prepare(self, session: Session) -> None:
        self._assignments.lose_deliveries()
        self._notice_idle()
        self._session = session
        queue = await declare_pool(session.publishing, self._pool, self._link.queue_type)
        if not self._draining:
            await session.consuming.set_qos(prefetch_count=self._slots)
            await session.deliveries.basic_consume(queue.name, partial(self._receive, session), consumer_tag=self._name)

    async def _receive(self, session: Session, message: DeliveredMessage) -> None:
        mark = DeliveryMark(session.generation, message.delivery_tag or 0)
        if self._draining:
            await self._return(session, mark)
            return
        try:
            origin, assignments = decode_dispatches(message.body)
        except MalformedMessageError as error:
            await self._set_aside(session, message, mark, str(error))
            return
        for execution in self._assignments.deliver(mark, origin, assignments):
            if execution.completion is not None:
                _log.info("delivered again, reported again", execution_id=execution.assignment.execution_id)
                self._reporter.finished(execution.completion, execution.origin)
        self._fill_slots()

    def _fill_slots(self) -> None:
        # What waits from a session that is over is on its way to be delivered again, maybe to another worker.
        while (
            self._assignments.running < self._slots
            and self._session is not None
            and not self._session.lost.done()
            and (execution := self._assignments.start_next()) is not None
        ):
            task = asyncio.create_task(self._run(execution))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, execution: Execution) -> None:
        assignment = execution.assignment
        started_at = time.time()
        self._reporter.started(Started(assignment.execution_id, assignment.attempt, self._name, started_at))
        outcome = await invoke(self._actions, assignment, self._threads)
        completion = Finished(
            assignment.execution_id,
            assignment.attempt,
            outcome.status,
            outcome.result,
            self._name,
            started_at,
            time.time(),
        )
        if outcome.status is not ExecutionStatus.SUCCEEDED:
            _log.info("execution failed", execution_id=assignment.execution_id, action=assignment.action_ref)
        self._assignments.finish(execution, completion)
        self._reporter.finished(completion, execution.origin)
        self._fill_slots()
        self._notice_idle()

    async def _acknowledge(self, confirmed: Sequence[Finished]) -> None:
        marks = self._assignments.confirm(confirmed)
        session = self._session
        if session is None or session.lost.done() or not marks:
            return
        try:
            await guarded(_acknowledge_all(session, marks))
        except BrokerError as error:
            session.end(f"cannot acknowledge: {error}")

    async def _drain(self) -> None:
        self._draining = True
        _log.info("draining", running=self._assignments.running, waiting=self._assignments.waiting)
        session = self._session
        if session is None or session.lost.done():
            self._assignments.lose_deliveries()
        else:
            try:
                await guarded(session.deliveries.basic_cancel(self._name, timeout=_CANCEL_TIMEOUT_SECONDS))
            except BrokerError as error:
                session.end(f"cannot stop consuming: {error}")
            for mark in self._assignments.hand_back():
                await self._return(session, mark)
        self._notice_idle()
        await self._idle.wait()
        await self._reporter.flushed()
        _log.info("drained")

    def _notice_idle(self) -> None:
        if self._draining and not self._assignments.running and not self._assignments.waiting:
            self._idle.set()

    async def _return(self, session: Session, mark: DeliveryMark) -> None:
        try:
            await guarded(session.deliveries.basic_nack(mark.tag, requeue=True))
        except BrokerError as error:
            # The end of the session returns it too.
            session.end(f"cannot return a message: {error}")

    async def _set_aside(self, session: Session, message: DeliveredMessage, mark: DeliveryMark, reason: str) -> None:
        queue = pool_queue_name(self._pool)
        try:
            await guarded(dead_letter(session.exchanges.dead_letters, queue, message, reason))
            await guarded(session.deliveries.basic_ack(mark.tag))
        except BrokerError as error:
            # It stays unacknowledged, and the next session receives it again.
            session.end(f"cannot dead-letter a malformed message: {error}")
            return
        _log.error("malformed message dead-lettered", queue=queue, reason=reason)


async def _acknowledge_all(session: Session, marks: Sequence[DeliveryMark]) -> None:
    """Acknowledge those of ``marks`` that are not void."""
    for mark in marks:
        if mark.channel == session.generation:
            # Waiting for the last to be written has all written: what follows may be the end of the connection.
            await session.deliveries.basic_ack(mark.tag, wait=mark is marks[-1])
