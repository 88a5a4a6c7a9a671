"""One action's queue: what waits, how many slots are free, and how long it may take.

A queue is one line, or with ``group_by`` a line for each group that has something to do; every line has the policy's
concurrency to itself. Nothing here depends on how many wait.
"""

from dataclasses import dataclass, field
from typing import Final

from attune_executor.domain.load import LoadMeter
from attune_executor.domain.policy import Admission, QueuePolicy
from attune_executor.domain.rate_meter import RateMeter
from attune_executor.domain.stats import QueueStats
from attune_executor.domain.submission import Refusal, RefusalCode
from attune_executor.domain.waiting_line import WaitingLine
from attune_executor.domain.waiting_time import estimated_wait_seconds

_MIN_RETRY_AFTER_SECONDS: Final = 1
_MAX_RETRY_AFTER_SECONDS: Final = 60
_SMOOTHING: Final = 0.1


@dataclass(slots=True, eq=False)
class Group:
    """The executions of an action that share a line: all of them, or those with one value of ``group_by``."""

    key: str | None
    waiting: WaitingLine = field(default_factory=WaitingLine)
    active_count: int = 0


@dataclass(slots=True, eq=False)
class ActionQueue:
    """One action's queue. To be read by all, and changed by ExecutionQueueManager and its parts alone."""

    action_id: int
    ref: str
    policy: QueuePolicy
    enabled: bool
    """The operator's switch in the database: False closes admission, what waits drains."""
    governed: bool
    """Whether a policy is declared now; False once it was removed: nothing is accepted, what waits drains."""
    load: LoadMeter
    rate: RateMeter | None = None
    last_order: int = 0
    queue_length: int = 0
    active_count: int = 0
    total_rejected: int = 0
    last_updated: float = 0.0
    recent_seconds: float | None = None
    """How long executions take at present, smoothed; None before the first has finished."""
    groups: dict[str | None, Group] = field(default_factory=dict[str | None, Group])
    ready: dict[Group, None] = field(default_factory=dict[Group, None])
    """Groups with something to start and a slot to start it in, in turn."""
    rate_timer: bool = False
    """Whether a timer is set for when the rate limit lets go."""
    timeout_at: float | None = None
    """When a timer looks at the heads of the lines for the queue timeout."""

    @property
    def admission(self) -> Admission:
        """What holds: the policy's; Closed too where it is Open and the action is disabled or its policy is gone.

        Emergency mode is not in it: it closes actions by their policies' priorities and tags.
        """
        closed = not (self.enabled and self.governed) and self.policy.admission is Admission.OPEN
        return Admission.CLOSED if closed else self.policy.admission

    @property
    def total_completed(self) -> int:
        """Everything accepted that neither waits nor holds a slot."""
        return self.last_order - self.queue_length - self.active_count

    @property
    def startable(self) -> bool:
        """Whether something may be dispatched as far as the action's own limits and slots go, the rate limit aside."""
        return bool(self.ready) and self.policy.admission is not Admission.HOLD

    def declare(self, policy: QueuePolicy) -> None:
        """This policy governs from now on. A rate limit that changes still counts what was dispatched under the last.

        Groups that wait stay the lines that they are.
        """
        previous, self.policy = self.policy, policy
        self.governed = True
        self.load.window_seconds = policy.peak_window_seconds
        if policy.rate_limit != previous.rate_limit:
            marks = () if self.rate is None else self.rate.marks
            self.rate = None if policy.rate_limit is None else RateMeter(policy.rate_limit, marks)
            self.rate_timer = False
        for group in list(self.groups.values()):
            self.settle(group)

    def group(self, key: str | None) -> Group:
        """The group with this key, made where it is new."""
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = Group(key)
        return group

    def settle(self, group: Group) -> None:
        """After a change of the group: keep it among the ready ones or not, and forget it where it is idle."""
        if group.waiting and group.active_count < self.policy.concurrency:
            self.ready.setdefault(group)
        else:
            self.ready.pop(group, None)
            if not group.waiting and not group.active_count and self.groups.get(group.key) is group:
                del self.groups[group.key]

    def takes_at_once(self, key: str | None, now: float) -> bool:
        """Whether an execution that joins the group ``key`` would leave its line at once, as far as this queue goes."""
        group = self.groups.get(key)
        free = group is None or len(group.waiting) + group.active_count < self.policy.concurrency
        held = self.policy.admission is Admission.HOLD or (self.rate is not None and not self.rate.available(now))
        return free and not held

    def ran(self, seconds: float) -> None:
        """An execution took so long."""
        recent = self.recent_seconds
        self.recent_seconds = seconds if recent is None else recent + _SMOOTHING * (seconds - recent)

    def position(self, group_key: str | None, queue_order: int) -> int:
        """Place in its line of the execution with this order: 1 is the head, 0 means that it does not wait."""
        group = self.groups.get(group_key)
        return 0 if group is None else group.waiting.position(queue_order)

    def position_from_tail(self, group_key: str | None, queue_order: int) -> int:
        """The same for one that was accepted in this turn: without groups, all that came after it are behind it."""
        if group_key is not None:
            return self.position(group_key, queue_order)
        group = self.groups.get(None)
        return 0 if group is None else max(0, len(group.waiting) - (self.last_order - queue_order))

    def estimated_wait_seconds(self, position: int, now: float, slots: int | None = None) -> float | None:
        """When the execution at ``position`` of its line may start; None while that cannot be told.

        ``slots`` is what the workers can take at a time, where it is known.
        """
        limit = self.policy.concurrency if slots is None else min(slots, self.policy.concurrency)
        return estimated_wait_seconds(position, limit, self.load.average_seconds(now), self.policy.rate_limit)

    def retry_after_seconds(self, now: float) -> int:
        """When a place in a full queue may be free: the time in which one execution leaves, within sensible bounds."""
        wait = self.estimated_wait_seconds(1, now)
        return min(_MAX_RETRY_AFTER_SECONDS, max(_MIN_RETRY_AFTER_SECONDS, round(wait or 0)))

    def refuse_full(self, limit: int, now: float) -> Refusal:
        """The answer to one more execution than ``limit`` may wait."""
        return Refusal(
            RefusalCode.QUEUE_FULL,
            f"Queue full (max length: {limit})",
            self.ref,
            self.retry_after_seconds(now),
        )

    def oldest_enqueued_at(self) -> float | None:
        """When the one that waits longest was accepted."""
        return min((group.waiting.head_created for group in self.groups.values() if group.waiting), default=None)

    def stats(self, now: float) -> QueueStats:
        """How the queue is at ``now`` (Unix seconds)."""
        return QueueStats(
            action_id=self.action_id,
            action_ref=self.ref,
            queue_length=self.queue_length,
            active_count=self.active_count,
            max_concurrent=self.policy.concurrency,
            oldest_enqueued_at=self.oldest_enqueued_at(),
            total_enqueued=self.last_order,
            total_completed=self.total_completed,
            total_rejected=self.total_rejected,
            last_updated=self.last_updated,
            load=self.load.load(now),
            lines=max(1, len(self.groups)),
            admission=self.admission,
        )
