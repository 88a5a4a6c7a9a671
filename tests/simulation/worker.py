"""A worker: the product's own account of assignments, around runs that only take their time."""

import asyncio
from collections.abc import Sequence
from functools import partial

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.records import Finished, Started
from attune_executor.domain.workers import Heartbeat
from attune_executor.ports.broker import BrokerError, Cancel, DeliveryMark
from attune_executor.wire.dispatches import Assignment
from attune_executor.wire.envelope import Origin
from attune_executor.worker.assignments import Assignments, Consequences
from attune_executor.worker.execution import Execution, Key
from simulation.exchange import Exchange, Message
from simulation.judge import Judge, Run

_ORIGIN = Origin("", "")
_RESTS_BEFORE_SAYING_STARTED = 0.05
_RETRY_SECONDS = 0.5


class SimulatedWorker:
    """Runs executions of one pool; its end is that of a killed process."""

    def __init__(self, exchange: Exchange, judge: Judge, name: str, pool: str, slots: int) -> None:
        self.name = name
        self.pool = pool
        self.alive = True
        self._exchange = exchange
        self._judge = judge
        self._random = exchange.faults.random
        self._slots = slots
        self._assignments = Assignments(name)
        self._session = 1
        self._tag = 0
        self._unacknowledged: dict[DeliveryMark, Message] = {}
        self._runs: dict[Key, asyncio.Task[None]] = {}
        self._stopped: set[Key] = set()
        self._finished: list[Finished] = []
        self._wake = asyncio.Event()
        self._reporting = asyncio.create_task(self._report())
        exchange.workers.append(self)
        self.roll_called()
        exchange.pump()

    def kill(self) -> None:
        """The process is gone; the broker notices when it does."""
        self.alive = False
        self._exchange.workers.remove(self)
        self._reporting.cancel()
        for task in self._runs.values():
            task.cancel()
        lost = list(self._unacknowledged.values())
        asyncio.get_running_loop().call_later(
            self._random.random() * 2, lambda: lost and self._exchange.give_back(self.pool, lost)
        )

    def wants(self) -> bool:
        return len(self._unacknowledged) <= self._slots

    def deliver(self, message: Message) -> None:
        self._tag += 1
        mark = DeliveryMark(self._session, self._tag)
        self._unacknowledged[mark] = message
        assignments = [
            Assignment(
                each.execution_id,
                each.attempt,
                each.action_ref,
                each.parameters,
                each.timeout_seconds,
                each.at_most_once,
            )
            for each in message.dispatches
        ]
        now = self._judge.now()
        self._act(self._assignments.deliver(mark, _ORIGIN, assignments, now, message.redelivered))

    def cancelled(self, cancels: Sequence[Cancel]) -> None:
        now = self._judge.now()
        self._act(self._assignments.cancel([(each.execution_id, each.attempt) for each in cancels], now))

    def roll_called(self) -> None:
        heartbeat = Heartbeat(self.name, self.pool, self._slots, draining=False, held=list(self._assignments.held))
        asyncio.get_running_loop().call_later(self._exchange.faults.latency(), self._say, heartbeat)

    def _say(self, heartbeat: Heartbeat) -> None:
        if self.alive and not self._exchange.away:
            self._exchange.report(heartbeat=heartbeat)

    def disconnected(self) -> None:
        lost = list(self._unacknowledged.values())
        self._unacknowledged.clear()
        self._session += 1
        self._assignments.lose_deliveries()
        if lost:
            self._exchange.give_back(self.pool, lost)

    def reconnected(self) -> None:
        self.roll_called()

    def _act(self, consequences: Consequences) -> None:
        for execution in consequences.report:
            assert execution.completion is not None
            self._finished.append(execution.completion)
            self._wake.set()
        for execution in consequences.stop:
            self._stopped.add(execution.key)
            self._runs[execution.key].cancel()
        self._acknowledge(consequences.acknowledge)
        self._fill()

    def _acknowledge(self, marks: Sequence[DeliveryMark]) -> None:
        for mark in marks:
            self._unacknowledged.pop(mark, None)
        if marks and not self._exchange.away:
            self._exchange.pump()

    def _fill(self) -> None:
        while self.alive and len(self._runs) < self._slots:
            execution = self._assignments.start_next()
            if execution is None:
                return
            task = self._runs[execution.key] = asyncio.create_task(self._run(execution))
            task.add_done_callback(partial(self._over, execution))

    async def _run(self, execution: Execution) -> None:
        predecessor = None if execution.replaces is None else self._runs.get(execution.replaces.key)
        if predecessor is not None:
            await asyncio.wait([predecessor])
        run = Run(*execution.key, self.name, self._judge.now())
        self._judge.runs.append(run)
        status = ExecutionStatus.SUCCEEDED if self._random.random() < 0.8 else ExecutionStatus.FAILED
        seconds = self._random.random() * self._random.choice((0.02, 0.5, 3.0))
        limit = execution.assignment.timeout_seconds
        if self._random.random() < 0.03:
            # It hangs, and whatever should stop it in time does not.
            seconds = 60.0
        elif limit is not None and seconds > limit:
            seconds, status = limit, ExecutionStatus.TIMEOUT
        try:
            if seconds > _RESTS_BEFORE_SAYING_STARTED:
                await asyncio.sleep(_RESTS_BEFORE_SAYING_STARTED)
                self._say_started(Started(*execution.key, self.name, run.began))
            await asyncio.sleep(max(0.0, seconds - _RESTS_BEFORE_SAYING_STARTED))
        except asyncio.CancelledError:
            if execution.key not in self._stopped or not self.alive:
                raise
            status = ExecutionStatus.CANCELLED
        finally:
            run.ended = self._judge.now()
        self._finish(execution, Finished(*execution.key, status, b"{}", self.name, run.began, run.ended))

    def _over(self, execution: Execution, task: asyncio.Task[None]) -> None:
        """Its slot is free, also where it was stopped before it began."""
        del self._runs[execution.key]
        if task.cancelled() and self.alive:
            cancelled = ExecutionStatus.CANCELLED
            self._finish(execution, Finished(*execution.key, cancelled, b"{}", self.name, None, self._judge.now()))
        self._fill()

    def _finish(self, execution: Execution, finished: Finished) -> None:
        if self._assignments.finish(execution, finished):
            self._finished.append(finished)
            self._wake.set()

    def _say_started(self, started: Started) -> None:
        if not self._exchange.away:
            self._exchange.report(started=[started])

    async def _report(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._finished = self._finished, []
            while batch:
                try:
                    await self._publish(batch)
                except BrokerError:
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                self._acknowledge(self._assignments.confirm(batch))
                batch = []

    async def _publish(self, batch: Sequence[Finished]) -> None:
        faults = self._exchange.faults
        await asyncio.sleep(faults.latency())
        self._exchange.report(finished=batch)
        self._acknowledge(self._assignments.sent(batch))
        await asyncio.sleep(faults.latency())
        self._exchange.check_up()
        if faults.random.random() < faults.rate:
            raise BrokerError("not confirmed")
