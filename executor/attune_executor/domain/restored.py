"""What the journal knows of the queues, as rows: where a new owner starts from."""

from collections.abc import Sequence
from typing import NamedTuple

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.rate_meter import RateMark


class KnownAction(NamedTuple):
    """An action as the journal knows it.

    ``policy`` is the last one that was declared, None where there never was one, and ``governed`` whether it still is.

    ``last_order`` is the highest queue order ever given out, ``rate_marks`` what its rate limit has counted.
    """

    action_id: int
    ref: str
    enabled: bool
    policy: QueuePolicy | None
    governed: bool
    last_order: int
    total_rejected: int
    rate_marks: Sequence[RateMark] = ()


class WaitingRun(NamedTuple):
    """Executions that wait in one line, as columns in queue order, one at least; ``created`` in Unix seconds.

    There may be millions of them, and an object for each would take a rebuild seconds.
    """

    action_id: int
    group_key: str | None
    execution_ids: Sequence[int]
    queue_orders: Sequence[int]
    created: Sequence[float]


class ActiveExecution(NamedTuple):
    """An execution that holds a slot.

    ``retry_at`` in Unix seconds, None where no delay is under way; ``updated`` is when its row last changed.
    """

    execution_id: int
    action_id: int
    status: ExecutionStatus
    attempt: int
    publish_order: int
    group_key: str | None = None
    failures: int = 0
    worker: str | None = None
    cancelling: bool = False
    retry_at: float | None = None
    updated: float = 0.0
