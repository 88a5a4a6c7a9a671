"""What one turn writes to the journal, as rows, each execution at most once."""

from dataclasses import dataclass, field
from typing import NamedTuple

from attune_executor.domain.execution import ExecutionStatus


class Accepted(NamedTuple):
    """An execution that enters its queue; where ``dispatch_order`` is set it also leaves it in the same turn.

    ``queue_order`` counts the acceptances of its action from 1, ``created`` is in Unix seconds,
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


class Dispatched(NamedTuple):
    """A journalled execution that is handed to its pool: from its queue, or again with a higher attempt.

    ``publish_order`` counts all dispatches of a shard; the journal keeps the first one of an execution as its
    ``dispatch_order``, the evidence of first in, first out.
    """

    execution_id: int
    attempt: int
    publish_order: int


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


@dataclass(slots=True)
class TurnRecord:
    """All that one turn changes; committed as a whole or not at all.

    Attributes:
        publish_order: the last publish order given out, this turn's included.
        confirmed_order: every publish up to here is confirmed by the broker and need not be repeated.
    """

    accepted: list[Accepted] = field(default_factory=list[Accepted])
    dispatched: list[Dispatched] = field(default_factory=list[Dispatched])
    started: list[Started] = field(default_factory=list[Started])
    finished: list[Finished] = field(default_factory=list[Finished])
    publish_order: int = 0
    confirmed_order: int = 0
