"""What the committed turns of a manager add up to: who waits, who runs, who ended; judged while it is written.

It knows the rules of the queues and nothing of how a manager keeps them. Its tenses are those of the manager: an
execution that an operator ended by SQL counts as open until the manager has been told, or rebuilt.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from attune_executor.domain.active import MAX_WORKERS_LOST
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import QueuePolicy, WorkerLost
from attune_executor.domain.records import Accepted, Dispatched, Finished, TurnRecord
from attune_executor.domain.turn_draft import Handoff
from attune_executor.domain.workers import Heartbeat

GROUP_PARAMETER = "k"
_APART_SECONDS = 0.001
"""Within which one turn is accepted."""


@dataclass(slots=True, eq=False)
class Fate:
    """One accepted execution."""

    execution_id: int
    ref: str
    key: str | None
    order: int
    created: float
    pool: str = ""
    attempt: int = 0
    failures: int = 0
    since: float = 0.0
    started: bool = False
    postponed_until: float | None = None
    cancelling_since: float | None = None
    ended_by_operator: bool = False
    completed_as: ExecutionStatus | None = None
    """What a caller has said that it ended as, in place of its worker."""
    status: ExecutionStatus | None = None

    @property
    def waits(self) -> bool:
        return self.status is None and self.attempt == 0

    @property
    def holds_slot(self) -> bool:
        return self.status is None and self.attempt > 0

    @property
    def with_worker(self) -> bool:
        return self.holds_slot and self.postponed_until is None


@dataclass(slots=True)
class Action:
    """One action as it is declared, and what its rate limit has to remember."""

    action_id: int
    policy: QueuePolicy
    governed: bool = True
    enabled: bool = True
    accepted: int = 0
    dispatch_times: list[float] = field(default_factory=list[float])
    uncounted: int = 0
    """Of those times, how many are from before there was a limit to count them for."""
    rate_known_since: float = float("-inf")
    widest_rate_window: float = 0.0
    timeout_changed_at: float = float("-inf")
    earlier_in_turn: list[QueuePolicy] = field(default_factory=list[QueuePolicy])
    """Policies that a command of the open turn may have met before they were changed."""

    def met_in_turn(self) -> list[QueuePolicy]:
        return [*self.earlier_in_turn, self.policy]

    def change(self, policy: QueuePolicy, now: float) -> None:
        earlier, self.policy, self.governed = self.policy, policy, True
        self.earlier_in_turn.append(earlier)
        if earlier.rate_limit is None:
            self.uncounted = len(self.dispatch_times)
        elif policy.rate_limit != earlier.rate_limit:
            self.rate_known_since = max(self.rate_known_since, now - earlier.rate_limit.window_seconds)
        if policy.rate_limit is not None:
            self.widest_rate_window = max(self.widest_rate_window, policy.rate_limit.window_seconds)
        if policy.queue_timeout_seconds != earlier.queue_timeout_seconds:
            self.timeout_changed_at = now

    def rate_allows_from(self) -> float:
        """From when on the rate limit must allow a dispatch, the coarseness of its marks included."""
        limit = self.policy.rate_limit
        if limit is None or len(self.dispatch_times) < limit.max_executions:
            return float("-inf")
        return self.dispatch_times[-limit.max_executions] + limit.window_seconds + self.widest_rate_window / 64


class Ledger:
    """Applies what is committed. Every ``assert`` is a rule of the queues."""

    def __init__(self, actions: dict[str, Action]) -> None:
        self.actions = actions
        self.fates: dict[int, Fate] = {}
        self.publish_order = 0

    def of(self, ref: str) -> Iterator[Fate]:
        return (fate for fate in self.fates.values() if fate.ref == ref)

    def waiting(self, ref: str) -> list[Fate]:
        return [fate for fate in self.of(ref) if fate.waits]

    def active(self) -> list[Fate]:
        return [fate for fate in self.fates.values() if fate.holds_slot]

    def lines(self, ref: str) -> dict[str | None, list[Fate]]:
        """Who waits, in order, by group."""
        lines: dict[str | None, list[Fate]] = defaultdict(list)
        for fate in self.waiting(ref):
            lines[fate.key].append(fate)
        return lines

    def active_in(self, ref: str, key: str | None) -> int:
        return sum(fate.holds_slot and fate.key == key for fate in self.of(ref))

    def apply(self, record: TurnRecord, now: float) -> set[str]:
        """Write a committed turn down; returns the pools to which executions were dispatched for the first time."""
        _each_in_one_list(record)
        created = [row.created for row in record.accepted]
        assert created == sorted(set(created)), "times of acceptance are not those of the order"
        for row in record.accepted:
            self._accept(row, now)
        for row in record.finished:
            self._finish(row, now)
        for row in record.postponed:
            fate = self._running(row.execution_id)
            self._fail(fate, row.failures)
            delays = {policy.retry.delay_seconds for policy in self.actions[fate.ref].met_in_turn()}
            assert row.retry_at in {now + delay for delay in delays}, "not the policy's delay"
            fate.postponed_until = row.retry_at
        for row in record.started:
            fate = self._running(row.execution_id)
            assert fate.postponed_until is None, "started while it is postponed"
            fate.started, fate.since = True, now
        for row in record.dispatched:
            if row.attempt > 1:
                self._dispatch_again(row, now)
        for execution_id in record.cancelling:
            fate = self._running(execution_id)
            fate.cancelling_since = now if fate.cancelling_since is None else fate.cancelling_since
        pools = self._dispatch_first(record, now)
        assert record.publish_order >= self.publish_order, "publish orders go back"
        self.publish_order = record.publish_order
        return pools

    def handed_over(self, handoffs: Iterable[Handoff]) -> None:
        """What is published of a turn that was applied: each attempt goes to the pool that its policy names then."""
        for handoff in handoffs:
            fate = self.fates[handoff.execution_id]
            assert handoff.pool in {policy.pool for policy in self.actions[fate.ref].met_in_turn()}, "not its pool"
            assert handoff.attempt > 1 or handoff.pool == fate.pool
            fate.pool = handoff.pool

    def heard(self, heartbeat: Heartbeat) -> None:
        """A worker holds an execution: that is where it is, whatever its policy says now."""
        for execution_id, attempt in heartbeat.held:
            fate = self.fates[execution_id]
            if fate.holds_slot and fate.attempt == attempt:
                fate.pool = heartbeat.pool

    def turn_over(self) -> None:
        """The next turn knows the policies as they are now alone."""
        for action in self.actions.values():
            action.earlier_in_turn.clear()

    def told(self, execution_id: int, status: ExecutionStatus) -> None:
        """The manager knows of what the operator ended."""
        fate = self.fates[execution_id]
        fate.status = fate.status or status

    def rebuilt(self, now: float) -> None:
        """A new manager starts from the journal: its patience begins anew."""
        for fate in self.active():
            fate.pool = self.actions[fate.ref].policy.pool
            fate.since = now
            fate.cancelling_since = None if fate.cancelling_since is None else now

    def _accept(self, row: Accepted, now: float) -> None:
        action = self.actions[row.action_ref]
        action.accepted += 1
        assert row.execution_id not in self.fates, "an id is used twice"
        assert row.queue_order == action.accepted, "queue orders have a gap"
        assert abs(row.created - now) < _APART_SECONDS
        self.fates[row.execution_id] = Fate(
            row.execution_id, row.action_ref, row.group_key, row.queue_order, row.created
        )

    def _finish(self, row: Finished, now: float) -> None:
        fate = self.fates[row.execution_id]
        if fate.ended_by_operator and fate.status is not None:
            # The manager was told in the turn in which it had ended it itself: the journal keeps the operator's word.
            return
        assert fate.status is None, "a second terminal status"
        if fate.waits:
            timeout = self.actions[fate.ref].policy.queue_timeout_seconds
            overdue = timeout is not None and fate.created + timeout <= now
            said = {ExecutionStatus.CANCELLED, fate.completed_as}
            assert row.status in said or (row.status is ExecutionStatus.TIMEOUT and overdue), (
                "it ended while it waited, neither by a caller nor overdue"
            )
        fate.status = row.status

    def _running(self, execution_id: int) -> Fate:
        fate = self.fates[execution_id]
        assert fate.holds_slot, "something happens to an execution that holds no slot"
        return fate

    def _fail(self, fate: Fate, failures: int) -> None:
        if failures != fate.failures:
            assert failures == fate.failures + 1
            attempts = max(policy.retry.max_attempts for policy in self.actions[fate.ref].met_in_turn())
            assert failures < attempts, "more attempts than the policy allows"
            fate.failures = failures

    def _dispatch_again(self, row: Dispatched, now: float) -> None:
        fate = self._running(row.execution_id)
        failures = fate.failures
        self._fail(fate, row.failures)
        assert row.attempt == fate.attempt + 1, "an attempt is skipped or repeated"
        if fate.postponed_until is not None:
            assert now >= fate.postponed_until, "dispatched before its delay is over"
        elif failures == fate.failures:
            lost = {policy.retry.worker_lost for policy in self.actions[fate.ref].met_in_turn()}
            assert WorkerLost.RETRY in lost, "run again after its worker was lost, which its policy forbids"
        assert row.attempt - 1 - row.failures < MAX_WORKERS_LOST, "it takes down worker after worker"
        fate.attempt, fate.started, fate.postponed_until, fate.since = row.attempt, False, None, now

    def _dispatch_first(self, record: TurnRecord, now: float) -> set[str]:
        orders = [(row.dispatch_order, row.execution_id) for row in record.accepted if row.dispatch_order is not None]
        orders += [(row.publish_order, row.execution_id) for row in record.dispatched if row.attempt == 1]
        again = [row.publish_order for row in record.dispatched if row.attempt > 1]
        given = [order for order, _ in orders] + again
        assert len(set(given)) == len(given), "two dispatches have the same order"
        assert all(self.publish_order < order <= record.publish_order for order in given)
        pools: set[str] = set()
        for _, execution_id in sorted(orders):
            fate = self.fates[execution_id]
            action = self.actions[fate.ref]
            assert fate.waits, "dispatched though it does not wait"
            assert not any(other.order < fate.order for other in self.lines(fate.ref)[fate.key]), "passed over"
            assert self.active_in(fate.ref, fate.key) < action.policy.concurrency, "over the limit"
            fate.attempt, fate.since, fate.pool = 1, now, action.policy.pool
            action.dispatch_times.append(now)
            _within_rate(action, now)
            pools.add(fate.pool)
        return pools


def _within_rate(action: Action, now: float) -> None:
    limit = action.policy.rate_limit
    if limit is not None:
        recent = [at for at in action.dispatch_times[action.uncounted :] if at + limit.window_seconds > now]
        counted = sum(at > action.rate_known_since for at in recent)
        assert counted <= limit.max_executions, "over the rate limit"


def _each_in_one_list(record: TurnRecord) -> None:
    rows: Iterable[Iterable[int]] = (
        (row.execution_id for row in record.accepted),
        (row.execution_id for row in record.dispatched),
        (row.execution_id for row in record.postponed),
        (row.execution_id for row in record.started),
        (row.execution_id for row in record.finished),
        record.cancelling,
    )
    touched = [execution_id for ids in rows for execution_id in ids]
    assert len(touched) == len(set(touched)), "an execution is in a turn twice"
