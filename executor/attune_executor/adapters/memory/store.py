"""What PostgreSQL keeps, in memory: a store that several journals, that is owners, can share."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from math import inf
from typing import NamedTuple

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.growth import DayCount
from attune_executor.domain.maintenance import Task, TaskRun
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.rate_meter import RateMark
from attune_executor.domain.stats import QueueStats
from attune_executor.ports.journal import (
    EndedElsewhere,
    JournalError,
    StoredExecution,
)


@dataclass(slots=True)
class StoredAction:
    """A row of ``attune.action``, with what outlives what was deleted of it."""

    action_id: int
    policy: QueuePolicy | None
    shard: int
    governed: bool = False
    enabled: bool = True
    rate_marks: Sequence[RateMark] = ()
    last_order: int = 0
    """No deleted execution has a higher queue order."""
    total_rejected: int = 0
    """No deleted statistics have a higher total."""


@dataclass(slots=True)
class StoredRow:
    """A row of ``attune.execution``."""

    stored: StoredExecution
    idempotency_key: str | None
    dispatch_order: int | None
    publish_order: int | None
    failures: int = 0
    cancelling: bool = False
    retry_at: float | None = None


class QueueSnapshot(NamedTuple):
    """A row of ``attune.queue_snapshots``; the time in Unix seconds."""

    snapshot_time: float
    action_id: int
    queue_length: int
    active_count: int
    total_enqueued: int


@dataclass(slots=True)
class ShardRow:
    """A row of ``attune.executor_shard``; ``renewed_at`` by the monotonic clock."""

    epoch: int = 0
    owner: str = ""
    publish_order: int = 0
    confirmed_order: int = 0
    renewed_at: float = -inf


@dataclass(slots=True)
class JournalStore:
    """What survives an owner."""

    shards: dict[int, ShardRow] = field(default_factory=lambda: defaultdict[int, ShardRow](ShardRow))
    next_id: int = 1
    away: bool = False
    """While True, every call fails as if the database were down."""
    actions: dict[str, StoredAction] = field(default_factory=dict[str, StoredAction])
    executions: dict[int, StoredRow] = field(default_factory=dict[int, StoredRow])
    stats: dict[int, QueueStats] = field(default_factory=dict[int, QueueStats])
    snapshots: list[QueueSnapshot] = field(default_factory=list[QueueSnapshot])
    maintenance: dict[Task, TaskRun] = field(default_factory=dict[Task, TaskRun])
    days: dict[tuple[date, int], DayCount] = field(default_factory=dict[tuple[date, int], DayCount])
    counted: dict[int, int] = field(default_factory=dict[int, int])

    ended_elsewhere: list[EndedElsewhere] = field(default_factory=list[EndedElsewhere])
    turned: dict[int, bool] = field(default_factory=dict[int, bool])

    def end(self, execution_id: int, status: ExecutionStatus, result: bytes | None = None) -> None:
        """End an open execution as an operator does by SQL."""
        row = self.executions[execution_id]
        stored = row.stored
        row.stored = stored._replace(status=status, result=result)
        self.ended_elsewhere.append(
            EndedElsewhere(execution_id, stored.action_id, stored.group_key, stored.queue_order)
        )

    def enable(self, ref: str, enabled: bool) -> None:
        """Turn an action's switch as an operator does by SQL."""
        action = self.actions[ref]
        action.enabled = enabled
        self.turned[action.action_id] = enabled

    def check_up(self) -> None:
        """Fail while away."""
        if self.away:
            raise JournalError("the journal is away")
