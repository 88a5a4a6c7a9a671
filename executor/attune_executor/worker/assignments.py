"""What a worker has been given, as a pure state machine: what to run next, what to acknowledge, what not to run twice.

A message carries one or more executions and is acknowledged as a whole, once the completion of each is on its way:
until then the broker gives a worker nothing else for the slot. The completion is kept until it is confirmed. When the
connection is lost the broker delivers everything that was not acknowledged again, here or elsewhere: what waited is
forgotten, what runs goes on, and if it comes back here it joins what is known of it.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.records import Finished
from attune_executor.ports.broker import DeliveryMark
from attune_executor.wire.dispatches import Assignment
from attune_executor.wire.envelope import Origin
from attune_executor.worker.execution import Delivery, Execution, Key, State
from attune_executor.worker.remembered import Remembered

CANCELLED: Final = b'{"error":"cancelled"}'
WORKER_LOST: Final = b'{"error":"worker lost: the broker delivered it again, and it may have run before"}'
_CANCELS_REMEMBERED: Final = 10_000


class Consequences(NamedTuple):
    """What a message makes necessary: executions to report, runs to stop, messages to acknowledge."""

    report: Sequence[Execution] = ()
    stop: Sequence[Execution] = ()
    acknowledge: Sequence[DeliveryMark] = ()


class Returned(NamedTuple):
    """A message that goes back to the queue, with what it carries."""

    mark: DeliveryMark
    assignments: Sequence[Assignment]


class Assignments:
    """The executions of one worker.

    Args:
        worker: its name, for completions of what does not run.
        remembered: confirmed executions that are remembered, so that one which is delivered again is reported again
            instead of run again.
        remembered_bytes: how much their results may take up together.
    """

    def __init__(self, worker: str = "", remembered: int = 10_000, remembered_bytes: int = 32 * 1024 * 1024) -> None:
        self._worker = worker
        self._live: dict[Key, Execution] = {}
        self._waiting: OrderedDict[Key, Execution] = OrderedDict()
        self._latest: dict[int, Execution] = {}
        self._deliveries: set[Delivery] = set()
        self._cancelled: OrderedDict[int, int] = OrderedDict()
        self._remembered = Remembered(remembered, remembered_bytes)

    @property
    def waiting(self) -> int:
        """Executions that are delivered and not started."""
        return len(self._waiting)

    @property
    def held(self) -> Sequence[Key]:
        """Everything whose completion is not confirmed."""
        return list(self._live)

    def deliver(
        self, mark: DeliveryMark, origin: Origin, assignments: Iterable[Assignment], now: float, redelivered: bool
    ) -> Consequences:
        """Take what a message brought; ``redelivered`` as the broker says, ``now`` in Unix seconds."""
        delivery = Delivery(mark)
        report: list[Execution] = []
        stop: list[Execution] = []
        released: list[Delivery] = [delivery]
        for assignment in assignments:
            key = assignment.execution_id, assignment.attempt
            execution = self._live.get(key)
            if execution is None:
                if execution := self._recall(key):
                    report.append(execution)
                else:
                    latest = self._latest.get(assignment.execution_id)
                    if latest is not None and latest.assignment.attempt > assignment.attempt:
                        continue
                    execution = self._add(Execution(assignment, origin), latest, stop, released)
                    if self._refuse(execution, now, redelivered):
                        report.append(execution)
            elif execution.deliveries and execution.deliveries[-1] is delivery:
                continue
            delivery.begun |= execution.state is not State.WAITING
            if execution.state is State.SENT:
                continue
            delivery.unsent += 1
            delivery.executions.append(execution)
            execution.deliveries.append(delivery)
        self._deliveries.add(delivery)
        return Consequences(report, stop, self._done(released))

    def cancel(self, cancelled: Iterable[Key], now: float) -> Consequences:
        """Give up these executions in this attempt and earlier ones, here or still on their way."""
        report: list[Execution] = []
        stop: list[Execution] = []
        for execution_id, attempt in cancelled:
            self._cancelled[execution_id] = max(attempt, self._cancelled.pop(execution_id, 0))
            execution = self._latest.get(execution_id)
            if execution is None or execution.assignment.attempt > attempt:
                continue
            if execution.state is State.WAITING:
                del self._waiting[execution.key]
                self._give_up(execution, ExecutionStatus.CANCELLED, CANCELLED, now)
                report.append(execution)
            elif execution.state is State.RUNNING:
                stop.append(execution)
        while len(self._cancelled) > _CANCELS_REMEMBERED:
            self._cancelled.popitem(last=False)
        return Consequences(report, stop)

    def start_next(self) -> Execution | None:
        """The execution to run now, in the order of delivery; None where none waits."""
        if not self._waiting:
            return None
        _, execution = self._waiting.popitem(last=False)
        execution.state = State.RUNNING
        for delivery in execution.deliveries:
            delivery.begun = True
        return execution

    def finish(self, execution: Execution, completion: Finished) -> bool:
        """A running execution is done; whether its completion is to be reported: not where it has been replaced."""
        if execution.state is not State.RUNNING:
            return False
        execution.state = State.FINISHED
        execution.completion = completion
        return True

    def sent(self, completions: Iterable[Finished]) -> Sequence[DeliveryMark]:
        """Completions are on their way to the broker; returns the deliveries to acknowledge."""
        released: list[Delivery] = []
        for completion in completions:
            execution = self._live[completion.execution_id, completion.attempt]
            execution.state = State.SENT
            self._release(execution, released)
        return self._done(released)

    def confirm(self, completions: Iterable[Finished]) -> Sequence[DeliveryMark]:
        """Completions are safe with the broker; returns the deliveries to acknowledge that came again meanwhile."""
        released: list[Delivery] = []
        for completion in completions:
            execution = self._live.pop((completion.execution_id, completion.attempt))
            self._release(execution, released)
            self._remember(execution)
        return self._done(released)

    def lose_deliveries(self) -> None:
        """The connection is gone, and with it every mark: the broker delivers again what was not acknowledged."""
        self._deliveries.clear()
        for execution in self._live.values():
            execution.deliveries.clear()
            if execution.state is State.SENT:
                # Whether it arrived is not known: it is sent again.
                execution.state = State.FINISHED
        for execution in self._waiting.values():
            self._forget(execution)
        self._waiting.clear()

    def hand_back(self) -> list[Returned]:
        """Give up the messages of which nothing has started; returns the deliveries to return to the queue.

        What waits in the others stays, and has to run: a message cannot be returned in part.
        """
        returned: list[Returned] = []
        unbegun = [delivery for delivery in self._deliveries if not delivery.begun]
        for delivery in sorted(unbegun, key=lambda each: each.mark):
            self._deliveries.discard(delivery)
            # Those that were replaced by a later attempt have left it already.
            executions = [execution for execution in delivery.executions if delivery in execution.deliveries]
            returned.append(Returned(delivery.mark, [execution.assignment for execution in executions]))
            for execution in executions:
                execution.deliveries.remove(delivery)
                if not execution.deliveries:
                    del self._waiting[execution.key]
                    self._forget(execution)
        return returned

    def _add(
        self, execution: Execution, latest: Execution | None, stop: list[Execution], released: list[Delivery]
    ) -> Execution:
        if latest is not None and latest.state in {State.WAITING, State.RUNNING}:
            if latest.state is State.RUNNING:
                latest.state = State.REPLACED
                stop.append(latest)
                execution.replaces = latest
            else:
                execution.replaces = latest.replaces
                del self._waiting[latest.key]
            self._forget(latest)
            self._release(latest, released)
        self._live[execution.key] = self._latest[execution.assignment.execution_id] = execution
        self._waiting[execution.key] = execution
        return execution

    def _refuse(self, execution: Execution, now: float, redelivered: bool) -> bool:
        assignment = execution.assignment
        if self._cancelled and self._cancelled.get(assignment.execution_id, 0) >= assignment.attempt:
            status, result = ExecutionStatus.CANCELLED, CANCELLED
        elif redelivered and assignment.at_most_once:
            status, result = ExecutionStatus.FAILED, WORKER_LOST
        else:
            return False
        del self._waiting[execution.key]
        self._give_up(execution, status, result, now)
        return True

    def _give_up(self, execution: Execution, status: ExecutionStatus, result: bytes, now: float) -> None:
        execution.state = State.FINISHED
        execution.completion = Finished(*execution.key, status, result, self._worker, None, now)
        for delivery in execution.deliveries:
            delivery.begun = True

    def _forget(self, execution: Execution) -> None:
        del self._live[execution.key]
        self._forget_latest(execution)

    def _forget_latest(self, execution: Execution) -> None:
        if self._latest.get(execution.assignment.execution_id) is execution:
            del self._latest[execution.assignment.execution_id]

    def _release(self, execution: Execution, released: list[Delivery]) -> None:
        for delivery in execution.deliveries:
            delivery.unsent -= 1
            released.append(delivery)
        execution.deliveries.clear()

    def _done(self, released: Iterable[Delivery]) -> Sequence[DeliveryMark]:
        done: list[DeliveryMark] = []
        for delivery in released:
            if not delivery.unsent and delivery in self._deliveries:
                self._deliveries.discard(delivery)
                done.append(delivery.mark)
        return done

    def _remember(self, execution: Execution) -> None:
        execution.state = State.CONFIRMED
        for forgotten in self._remembered.add(execution):
            self._forget_latest(forgotten)

    def _recall(self, key: Key) -> Execution | None:
        execution = self._remembered.take(key)
        if execution is not None:
            execution.state = State.FINISHED
            self._live[key] = execution
        return execution
