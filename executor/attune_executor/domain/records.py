"""What one turn writes to the journal, as rows, each execution in one of the lists at most."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from attune_executor.domain.execution import Ending, ExecutionStatus
from attune_executor.domain.rate_meter import RateMark


class Accepted(NamedTuple):
    """An execution that enters its queue; where ``dispatch_order`` is set it also leaves it in the same turn.

    ``queue_order`` counts the acceptances of its action from 1, ``created`` is in Unix seconds and ascends with it,
    ``parameters`` is a JSON object in UTF-8.
    """

    execution_id: int
    action_id: int
    action_ref: str
    queue_order: int
    parameters: bytes
    idempotency_key: str | None
    created: float
    dispatch_order: int | None
    group_key: str | None = None


class Dispatched(NamedTuple):
    """A journalled execution that is handed to its pool: from its queue, or again with a higher attempt.

    ``publish_order`` counts all dispatches of a shard; the journal keeps the first one of an execution as its
    ``dispatch_order``, the evidence of first in, first out. ``failures`` counts the runs that did not succeed.
    """

    execution_id: int
    attempt: int
    publish_order: int
    failures: int = 0


class Postponed(NamedTuple):
    """A run did not succeed, and the execution is dispatched again at ``retry_at`` (Unix seconds)."""

    execution_id: int
    failures: int
    retry_at: float


class Started(NamedTuple):
    """A worker began to run an execution, at ``started_at`` in Unix seconds of the worker's clock."""

    execution_id: int
    attempt: int
    worker: str
    started_at: float


class Finished(NamedTuple):
    """An execution reached a terminal status; times in Unix seconds, ``result`` a JSON value in UTF-8."""

    execution_id: int
    attempt: int
    status: ExecutionStatus
    result: bytes | None
    worker: str | None
    started_at: float | None
    finished_at: float


def ended(execution_id: int, attempt: int, ending: Ending, now: float, worker: str | None = None) -> Finished:
    """An execution that ended without a worker's report."""
    return Finished(execution_id, attempt, ending.status, ending.result, worker, None, now)


class RateMarks(NamedTuple):
    """What an action's rate limit has counted."""

    action_id: int
    marks: Sequence[RateMark]


@dataclass(slots=True)
class TurnRecord:
    """All that one turn changes; committed as a whole or not at all.

    Attributes:
        cancelling: executions with a worker that are to be stopped; a successor must go on telling the worker.
        publish_order: the last publish order given out, this turn's included.
        confirmed_order: every publish up to here is confirmed by the broker and need not be repeated.
        waits: seconds that each execution which is dispatched for the first time had waited; measured, not written.
    """

    accepted: list[Accepted] = field(default_factory=list[Accepted])
    dispatched: list[Dispatched] = field(default_factory=list[Dispatched])
    postponed: list[Postponed] = field(default_factory=list[Postponed])
    started: list[Started] = field(default_factory=list[Started])
    finished: list[Finished] = field(default_factory=list[Finished])
    cancelling: list[int] = field(default_factory=list[int])
    rates: list[RateMarks] = field(default_factory=list[RateMarks])
    publish_order: int = 0
    confirmed_order: int = 0
    waits: list[float] = field(default_factory=list[float])
