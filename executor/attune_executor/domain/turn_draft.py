"""Gathers what one turn decides, so that every execution ends up in one list at most."""

from typing import NamedTuple

from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.records import (
    Accepted,
    Dispatched,
    Finished,
    Postponed,
    RateMarks,
    Started,
    TurnRecord,
)


class Handoff(NamedTuple):
    """An execution to publish to its pool once the turn is committed; parameters come from the commit where None."""

    execution_id: int
    action_ref: str
    attempt: int
    pool: str
    publish_order: int
    parameters: bytes | None
    timeout_seconds: float | None
    at_most_once: bool
    expected_seconds: float | None


class CancelOrder(NamedTuple):
    """Workers of ``pool`` are told to stop this attempt of an execution, and earlier ones."""

    pool: str
    execution_id: int
    attempt: int


class TurnDecision(NamedTuple):
    """What a turn decided: the rows to commit; what to publish, whom to stop after that; the actions that changed."""

    record: TurnRecord
    handoffs: list[Handoff]
    cancels: list[CancelOrder]
    changed: list[ActionQueue]


class TurnDraft:
    """The turn so far; one after the other."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.touched: dict[int, ActionQueue] = {}
        self.cancels: list[CancelOrder] = []
        self.waits: list[float] = []
        """Seconds that those had waited which left their lines for a slot."""
        self._accepted: list[Accepted] = []
        self._accepted_at: dict[int, int] = {}
        self._dispatched: dict[int, Dispatched] = {}
        self._postponed: dict[int, Postponed] = {}
        self._started: dict[int, Started] = {}
        self._finished: list[Finished] = []
        self._cancelling: dict[int, None] = {}
        self._rates: dict[int, ActionQueue] = {}
        self._handoffs: dict[int, Handoff] = {}

    def touch(self, queue: ActionQueue, now: float) -> None:
        """Something in the queue changed."""
        queue.last_updated = now
        self.touched[queue.action_id] = queue

    def accepted(self, row: Accepted) -> None:
        """An execution entered its queue."""
        self._accepted_at[row.execution_id] = len(self._accepted)
        self._accepted.append(row)

    def first_dispatch(self, execution_id: int, publish_order: int) -> bytes | None:
        """An execution left its queue; returns its parameters where it entered it in this turn."""
        index = self._accepted_at.get(execution_id)
        if index is None:
            self._dispatched[execution_id] = Dispatched(execution_id, 1, publish_order)
            return None
        row = self._accepted[index]
        self._accepted[index] = row._replace(dispatch_order=publish_order)
        return row.parameters

    def dispatched(self, row: Dispatched) -> None:
        """An execution is dispatched again."""
        self._started.pop(row.execution_id, None)
        self._postponed.pop(row.execution_id, None)
        self._dispatched[row.execution_id] = row

    def dispatches_again(self, execution_id: int) -> bool:
        """Whether a new attempt is about to be handed over, and nobody has it."""
        return execution_id in self._dispatched

    def postponed(self, row: Postponed) -> None:
        """An execution is to be dispatched again later."""
        self._started.pop(row.execution_id, None)
        self._postponed[row.execution_id] = row

    def handoff(self, handoff: Handoff) -> None:
        """An execution is to be published."""
        self._handoffs.pop(handoff.execution_id, None)
        self._handoffs[handoff.execution_id] = handoff

    def started(self, row: Started) -> None:
        """An execution runs; nothing to write where this turn dispatches it again."""
        if row.execution_id not in self._dispatched:
            self._started[row.execution_id] = row

    def finished(self, row: Finished) -> None:
        """An execution ended."""
        self.released(row.execution_id)
        self._finished.append(row)

    def released(self, execution_id: int) -> None:
        """An execution holds no slot any more: nothing else that this turn wanted of it matters."""
        self._started.pop(execution_id, None)
        self._postponed.pop(execution_id, None)
        self._cancelling.pop(execution_id, None)
        if self._dispatched.pop(execution_id, None) is not None:
            self._handoffs.pop(execution_id, None)

    def cancelling(self, execution_id: int) -> None:
        """An execution that is with a worker is to be stopped."""
        self._cancelling[execution_id] = None

    def rated(self, queue: ActionQueue) -> None:
        """The rate limit of an action counted a dispatch."""
        self._rates[queue.action_id] = queue

    def close(self, publish_order: int, confirmed_order: int) -> TurnDecision:
        """The decision; what comes now belongs to the next turn."""
        record = TurnRecord(
            accepted=self._accepted,
            dispatched=list(self._dispatched.values()),
            postponed=list(self._postponed.values()),
            # A cancel that was answered must outlive a crash; that its execution began is told by its end as well.
            started=[row for row in self._started.values() if row.execution_id not in self._cancelling],
            finished=self._finished,
            cancelling=list(self._cancelling),
            rates=[
                RateMarks(queue.action_id, () if queue.rate is None else queue.rate.marks)
                for queue in self._rates.values()
            ],
            publish_order=publish_order,
            confirmed_order=confirmed_order,
            waits=self.waits,
        )
        decision = TurnDecision(record, list(self._handoffs.values()), self.cancels, list(self.touched.values()))
        self._begin()
        return decision
