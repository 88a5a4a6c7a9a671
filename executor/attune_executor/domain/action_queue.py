"""One action's queue: what waits, how many slots are free, and how long it may take.

A waiting execution is an id and a time. Its position follows from its queue order, because a queue gives its executions
out in that order; so nothing here depends on how many wait.
"""

from collections import deque
from dataclasses import dataclass, field

from attune_executor.domain.load import LoadMeter
from attune_executor.domain.policy import Admission, QueuePolicy
from attune_executor.domain.stats import QueueStats

_MIN_RETRY_AFTER_SECONDS = 1
_MAX_RETRY_AFTER_SECONDS = 60


@dataclass(slots=True)
class ActionQueue:
    """One action's queue. To be read by all, and changed by ExecutionQueueManager alone."""

    action_id: int
    ref: str
    policy: QueuePolicy
    enabled: bool
    """The operator's switch in the database: False closes admission, what waits drains."""
    governed: bool
    """Whether a policy is declared now; False once it was removed: nothing is accepted, what waits drains."""
    load: LoadMeter
    last_order: int = 0
    released_order: int = 0
    """The highest queue order that has left the queue: everything above it waits."""
    active_count: int = 0
    total_rejected: int = 0
    last_updated: float = 0.0
    waiting: deque[int] = field(default_factory=deque[int])
    waiting_since: deque[float] = field(default_factory=deque[float])

    @property
    def total_completed(self) -> int:
        """Everything accepted that neither waits nor holds a slot."""
        return self.last_order - len(self.waiting) - self.active_count

    @property
    def free_slots(self) -> int:
        """Executions that may be dispatched now; 0 while a lowered limit is still exceeded, or on hold."""
        if self.policy.admission is Admission.HOLD:
            return 0
        return max(0, self.policy.concurrency - self.active_count)

    def position(self, queue_order: int) -> int:
        """Place in the queue of the execution with this order: 1 is the head, 0 or less has left it."""
        return queue_order - self.released_order

    def estimated_wait_seconds(self, position: int, now: float) -> float | None:
        """When the execution at ``position`` may start: the work before it over the slots; None while unmeasured."""
        average = self.load.load(now).average_duration_seconds
        return None if average is None else position * average / self.policy.concurrency

    def retry_after_seconds(self, now: float) -> int:
        """When a place in a full queue may be free: the time in which one execution leaves, within sensible bounds."""
        wait = self.estimated_wait_seconds(1, now)
        return min(_MAX_RETRY_AFTER_SECONDS, max(_MIN_RETRY_AFTER_SECONDS, round(wait or 0)))

    def stats(self, now: float) -> QueueStats:
        """How the queue is at ``now`` (Unix seconds)."""
        return QueueStats(
            action_id=self.action_id,
            action_ref=self.ref,
            queue_length=len(self.waiting),
            active_count=self.active_count,
            max_concurrent=self.policy.concurrency,
            oldest_enqueued_at=self.waiting_since[0] if self.waiting_since else None,
            total_enqueued=self.last_order,
            total_completed=self.total_completed,
            total_rejected=self.total_rejected,
            last_updated=self.last_updated,
            load=self.load.load(now),
        )
