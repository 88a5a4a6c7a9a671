"""What a worker has been given, as a pure state machine: what to run next, what to acknowledge, what not to run twice.

A message carries one or more executions and is acknowledged as a whole, once the completion of each is confirmed. When
the connection is lost the broker delivers everything that was not acknowledged again, here or elsewhere: what waited
is forgotten, what runs goes on, and if it comes back here it joins what is known of it.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias

from attune_executor.domain.records import Finished
from attune_executor.ports.broker import DeliveryMark
from attune_executor.wire.envelope import Origin
from attune_executor.wire.messages import Assignment

Key: TypeAlias = tuple[int, int]
"""Execution id and attempt: what is run once."""


class State(Enum):
    """Where an execution stands."""

    WAITING = auto()
    RUNNING = auto()
    FINISHED = auto()
    """Its completion is not confirmed yet."""
    CONFIRMED = auto()


@dataclass(eq=False, slots=True)
class _Delivery:
    mark: DeliveryMark
    unconfirmed: set[Key]
    begun: bool = False


@dataclass(eq=False, slots=True)
class Execution:
    """One execution that this worker was given; ``origin`` is the message that first brought it."""

    assignment: Assignment
    origin: Origin
    completion: Finished | None = None
    state: State = State.WAITING
    deliveries: list[_Delivery] = field(default_factory=list[_Delivery])

    @property
    def key(self) -> Key:
        """What identifies it."""
        return self.assignment.execution_id, self.assignment.attempt


class Assignments:
    """The executions of one worker.

    Args:
        remembered: confirmed executions that are remembered, so that one which is delivered again is reported again
            instead of run again.
        remembered_bytes: how much their results may take up together.
    """

    def __init__(self, remembered: int = 10_000, remembered_bytes: int = 32 * 1024 * 1024) -> None:
        self._executions: dict[Key, Execution] = {}
        self._waiting: deque[Execution] = deque()
        self._deliveries: set[_Delivery] = set()
        self._remembered_limit = remembered
        self._remembered_bytes_limit = remembered_bytes
        self._remembered: OrderedDict[Key, Execution] = OrderedDict()
        self._remembered_bytes = 0
        self.running = 0

    @property
    def waiting(self) -> int:
        """Executions that are delivered and not started."""
        return len(self._waiting)

    def deliver(self, mark: DeliveryMark, origin: Origin, assignments: Iterable[Assignment]) -> Sequence[Execution]:
        """Take what a message brought; returns those that are done and have to be reported again."""
        delivery = _Delivery(mark, set())
        again: list[Execution] = []
        for assignment in assignments:
            key = assignment.execution_id, assignment.attempt
            if key in delivery.unconfirmed:
                continue
            execution = self._executions.get(key)
            if execution is None:
                execution = self._executions[key] = Execution(assignment, origin)
                self._waiting.append(execution)
            elif execution.state is State.CONFIRMED:
                self._recall(execution)
                again.append(execution)
            delivery.begun |= execution.state is not State.WAITING
            delivery.unconfirmed.add(key)
            execution.deliveries.append(delivery)
        self._deliveries.add(delivery)
        return again

    def start_next(self) -> Execution | None:
        """The execution to run now, in the order of delivery; None where none waits."""
        if not self._waiting:
            return None
        execution = self._waiting.popleft()
        execution.state = State.RUNNING
        for delivery in execution.deliveries:
            delivery.begun = True
        self.running += 1
        return execution

    def finish(self, execution: Execution, completion: Finished) -> None:
        """A running execution is done and its completion is about to be reported."""
        execution.state = State.FINISHED
        execution.completion = completion
        self.running -= 1

    def confirm(self, completions: Iterable[Finished]) -> list[DeliveryMark]:
        """Completions are safe with the broker; returns the deliveries to acknowledge."""
        done: list[DeliveryMark] = []
        for completion in completions:
            key = completion.execution_id, completion.attempt
            execution = self._executions[key]
            for delivery in execution.deliveries:
                delivery.unconfirmed.discard(key)
                if not delivery.unconfirmed:
                    self._deliveries.discard(delivery)
                    done.append(delivery.mark)
            execution.deliveries.clear()
            self._remember(execution)
        return done

    def lose_deliveries(self) -> None:
        """The connection is gone, and with it every mark: the broker delivers again what was not acknowledged."""
        self._deliveries.clear()
        for execution in self._executions.values():
            execution.deliveries.clear()
        self._drop(list(self._waiting))

    def hand_back(self) -> list[DeliveryMark]:
        """Give up the messages of which nothing has started; returns the deliveries to return to the queue.

        What waits in the others stays, and has to run: a message cannot be returned in part.
        """
        returned: list[DeliveryMark] = []
        for delivery in list(self._deliveries):
            if not delivery.begun:
                self._deliveries.discard(delivery)
                returned.append(delivery.mark)
                for key in delivery.unconfirmed:
                    self._executions[key].deliveries.remove(delivery)
        self._drop([execution for execution in self._waiting if not execution.deliveries])
        return returned

    def _drop(self, executions: Iterable[Execution]) -> None:
        for execution in executions:
            self._waiting.remove(execution)
            del self._executions[execution.key]

    def _remember(self, execution: Execution) -> None:
        if execution.state is State.CONFIRMED:
            return
        execution.state = State.CONFIRMED
        self._remembered[execution.key] = execution
        self._remembered_bytes += _size(execution)
        while len(self._remembered) > self._remembered_limit or self._remembered_bytes > self._remembered_bytes_limit:
            key, forgotten = self._remembered.popitem(last=False)
            self._remembered_bytes -= _size(forgotten)
            del self._executions[key]

    def _recall(self, execution: Execution) -> None:
        execution.state = State.FINISHED
        del self._remembered[execution.key]
        self._remembered_bytes -= _size(execution)


def _size(execution: Execution) -> int:
    completion = execution.completion
    return len(completion.result) if completion is not None and completion.result is not None else 0
