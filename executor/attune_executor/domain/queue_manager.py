"""The queues themselves: commands in, decisions out, first in, first out, never more active than the limit.

A pure state machine. The engine applies the commands of one turn, closes the turn, and commits what comes out
before anyone hears of it. If that commit fails, this object is thrown away and a new one restored from the journal.

The cost of every command is independent of how many executions wait.
"""

from collections.abc import Iterable, Iterator, Sequence

from attune_executor.domain.acceptance import AcceptanceTimes
from attune_executor.domain.action_queue import ActionQueue, Group
from attune_executor.domain.admission import refusal
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.group_key import group_key
from attune_executor.domain.load import LoadMeter
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.rate_meter import RateMark, RateMeter
from attune_executor.domain.records import Accepted, Finished, Started, ended
from attune_executor.domain.slots import Patience, Slots
from attune_executor.domain.submission import Cancellation, ExecutionRequest, Receipt, Refusal
from attune_executor.domain.timers import Due, Timers
from attune_executor.domain.turn_draft import TurnDecision, TurnDraft
from attune_executor.domain.worker_pool import WorkerPool
from attune_executor.domain.workers import Heartbeat


class ExecutionQueueManager:
    """All queues of one shard.

    ``publish_order`` is the last publish order that was ever given out; the manager continues from there.
    """

    def __init__(self, publish_order: int = 0, patience: Patience | None = None) -> None:
        self._by_ref: dict[str, ActionQueue] = {}
        self._by_id: dict[int, ActionQueue] = {}
        self._timers = Timers()
        self._slots = Slots(publish_order, patience or Patience(), self._timers)
        self._draft = self._slots.draft
        self._emergency: Emergency | None = None
        self._acceptance_times = AcceptanceTimes()

    # Restoring from the journal

    def restore_action(
        self,
        action_id: int,
        ref: str,
        policy: QueuePolicy | None,
        *,
        governed: bool,
        enabled: bool,
        last_order: int,
        total_rejected: int,
        now: float,
        rate_marks: Iterable[RateMark] = (),
    ) -> None:
        """Make an action known, with its counters, before any of its executions is restored.

        ``policy`` is the last that was declared, None where there never was one, and ``governed`` whether it still is.
        """
        # Nothing was ever accepted without a policy. What got here otherwise is run one at a time, the cautious limit.
        effective = policy if policy is not None else QueuePolicy(concurrency=1)
        queue = ActionQueue(
            action_id,
            ref,
            effective,
            enabled,
            governed=governed and policy is not None,
            load=LoadMeter(effective.peak_window_seconds),
            rate=None if effective.rate_limit is None else RateMeter(effective.rate_limit, rate_marks),
            last_order=last_order,
            total_rejected=total_rejected,
            last_updated=now,
        )
        self._by_ref[ref] = self._by_id[action_id] = queue
        self._draft.touched[action_id] = queue

    def restore_waiting(
        self,
        action_id: int,
        key: str | None,
        execution_ids: Sequence[int],
        queue_orders: Sequence[int],
        created: Sequence[float],
    ) -> None:
        """Put executions back into their line, one at least; call in queue order."""
        queue = self._by_id[action_id]
        group = queue.group(key)
        group.waiting.extend(execution_ids, queue_orders, created)
        self._acceptance_times.follow(created[-1])
        self._joined(queue, group, len(execution_ids), created[0])

    def restore_active(
        self,
        execution_id: int,
        action_id: int,
        now: float,
        *,
        key: str | None = None,
        attempt: int,
        failures: int = 0,
        started: bool,
        worker: str | None = None,
        publish_order: int,
        confirmed: bool,
        cancelling: bool = False,
        retry_at: float | None = None,
    ) -> None:
        """Give an execution its slot back. Not ``confirmed``: whether its dispatch reached the broker is unknown."""
        queue = self._by_id[action_id]
        self._slots.restore(
            queue,
            queue.group(key),
            execution_id,
            now,
            attempt=attempt,
            failures=failures,
            started=started,
            worker=worker,
            publish_order=publish_order,
            confirmed=confirmed,
            cancelling=cancelling,
            retry_at=retry_at,
        )

    # Commands, what an SRE declares

    def set_policy(self, action_id: int, ref: str, policy: QueuePolicy, now: float) -> None:
        """Declare or change an action's policy; takes effect when the turn closes.

        A change of ``group_by`` is for executions accepted from then on: those that wait stay in their lines.
        """
        queue = self._by_ref.get(ref)
        if queue is None:
            self.restore_action(
                action_id, ref, policy, governed=True, enabled=True, last_order=0, total_rejected=0, now=now
            )
            return
        previous, queue.policy = queue.policy, policy
        queue.governed = True
        queue.load.window_seconds = policy.peak_window_seconds
        if policy.pool != previous.pool:
            self._slots.pool(previous.pool).ready.pop(queue, None)
        if policy.rate_limit != previous.rate_limit:
            marks = () if queue.rate is None else queue.rate.marks
            queue.rate = None if policy.rate_limit is None else RateMeter(policy.rate_limit, marks)
            queue.rate_timer = False
            self._draft.rated(queue)
        for group in list(queue.groups.values()):
            queue.settle(group)
        if policy.queue_timeout_seconds != previous.queue_timeout_seconds:
            self._watch_heads(queue, now)
        self._draft.touch(queue, now)

    def remove_policy(self, ref: str, now: float) -> None:
        """Accept nothing more for the action; what waits drains under the last limit."""
        queue = self._by_ref.get(ref)
        if queue is not None:
            queue.governed = False
            self._draft.touch(queue, now)

    def set_enabled(self, action_id: int, enabled: bool, now: float) -> None:
        """The operator's switch in the database was turned."""
        queue = self._by_id.get(action_id)
        if queue is not None and queue.enabled != enabled:
            queue.enabled = enabled
            self._draft.touch(queue, now)

    def set_emergency(self, emergency: Emergency | None) -> None:
        """Begin, change or end emergency mode."""
        self._emergency = emergency

    # Commands, what callers ask for

    def submit(self, request: ExecutionRequest, execution_id: int, now: float) -> Accepted | Refusal:
        """Accept a request at the tail of its queue, or refuse it. ``execution_id`` is used up only on acceptance."""
        queue = self._by_ref.get(request.action_ref)
        refused = refusal(request.action_ref, queue, self._emergency)
        if refused is not None:
            return refused
        assert queue is not None  # noqa: S101 - an unknown action was refused
        key = group_key(request.parameters, queue.policy.group_by)
        refused = self._full(queue, key, now)
        if refused is not None:
            queue.total_rejected += 1
            self._draft.touched[queue.action_id] = queue
            return refused
        queue.last_order += 1
        accepted = Accepted(
            execution_id,
            queue.action_id,
            queue.ref,
            queue.last_order,
            request.parameters,
            request.idempotency_key,
            self._acceptance_times.next(now),
            None,
            key,
        )
        self._draft.accepted(accepted)
        self._join(queue, key, execution_id, queue.last_order, accepted.created)
        queue.load.arrived(now)
        self._draft.touch(queue, now)
        if queue.queue_length > self._limit(queue):
            self._line_up()
            self._fill(self._slots.pool(queue.policy.pool), now)
        return accepted

    def cancel(self, execution_id: int, action_id: int, key: str | None, queue_order: int, now: float) -> Cancellation:
        """Take an execution out of its line, or have its worker stop it."""
        if self._slots.holds(execution_id):
            return self._slots.cancel(execution_id, now)
        queue = self._by_id.get(action_id)
        if queue is None or not self._leave(queue, key, execution_id, queue_order, now):
            return Cancellation.ENDED
        self._draft.finished(ended(execution_id, 0, ExecutionStatus.CANCELLED, "cancelled", now))
        return Cancellation.CANCELLED

    # Commands, what workers report

    def notify_started(self, started: Started, now: float) -> bool:
        """A worker began to run an execution; False where it holds no slot, or a newer attempt is under way."""
        return self._slots.started(started, now)

    def notify_completion(self, finished: Finished, now: float) -> bool:
        """An execution ended: its slot is free, or it runs again as its policy says.

        False for a duplicate or late report, which changes nothing.
        """
        return self._slots.completed(finished, now)

    def notify_heartbeat(self, heartbeat: Heartbeat) -> None:
        """A worker is there, with its slots and what it holds."""
        self._slots.heartbeat(heartbeat)

    def notify_ended_elsewhere(
        self, execution_id: int, now: float, place: tuple[int, str | None, int] | None = None
    ) -> bool:
        """The journal holds a terminal status that this manager did not decide: free the slot or place, write nothing.

        ``place`` is the action id, group key and queue order of one that may wait.
        """
        if self._slots.ended_elsewhere(execution_id, now):
            return True
        if place is None:
            return False
        action_id, key, queue_order = place
        queue = self._by_id.get(action_id)
        return queue is not None and self._leave(queue, key, execution_id, queue_order, now)

    # Commands, time

    def call_roll(self, now: float) -> int:
        """Count the roll call that is about to be sent, and look after what is active; returns how many were lost."""
        return self._slots.call_roll(now)

    def advance(self, now: float) -> None:
        """Do what has come due."""
        for due, subject in self._timers.pop(now):
            if due is Due.QUEUE_TIMEOUT:
                self._time_out_heads(subject, now)
            elif due is Due.RATE:
                subject.rate_timer = False
                self._draft.touched[subject.action_id] = subject
            else:
                self._slots.retry_due(subject, now)

    @property
    def next_due(self) -> float | None:
        """When ``advance`` has something to do next, in Unix seconds."""
        return self._timers.next_at

    def close_turn(self, confirmed_order: int, now: float) -> TurnDecision:
        """Fill the free slots and hand over what the turn decided."""
        self._line_up()
        for pool in self._slots.pools.values():
            if pool.ready:
                self._fill(pool, now)
        decision = self._draft.close(self._slots.publish_order, self._slots.confirmed_up_to(confirmed_order))
        self._draft = self._slots.draft = TurnDraft()
        return decision

    def share_pools(self, shards: int) -> None:
        """The workers run executions of so many shards; to be said before the first of them is heard."""
        self._slots.shards = shards
        for pool in self._slots.pools.values():
            pool.shards = shards

    # Looking

    @property
    def publish_order(self) -> int:
        """The last publish order given out."""
        return self._slots.publish_order

    @property
    def emergency(self) -> Emergency | None:
        """Emergency mode, while it is on."""
        return self._emergency

    def queue(self, ref: str) -> ActionQueue | None:
        """The queue of an action, or None where it is unknown."""
        return self._by_ref.get(ref)

    def queue_of(self, action_id: int) -> ActionQueue | None:
        """The queue of an action by its id."""
        return self._by_id.get(action_id)

    def queues(self) -> Iterator[ActionQueue]:
        """Every queue."""
        return iter(self._by_ref.values())

    def pools(self) -> Iterator[WorkerPool]:
        """Every worker pool that is used or announced itself."""
        return iter(self._slots.pools.values())

    def held_by_worker(self, pool: str) -> dict[str, int]:
        """Executions that each worker of a pool has; those that drain are left out."""
        return self._slots.held_by_worker(pool)

    def holds_slot(self, execution_id: int) -> bool:
        """Whether an execution is dispatched and not finished."""
        return self._slots.holds(execution_id)

    def receipt(self, accepted: Accepted) -> Receipt:
        """What to answer for an accepted execution, once its turn is closed."""
        position = self._by_id[accepted.action_id].position_from_tail(accepted.group_key, accepted.queue_order)
        status = ExecutionStatus.REQUESTED if position else ExecutionStatus.SCHEDULED
        return Receipt(accepted.execution_id, accepted.action_ref, status, position, duplicate=False)

    # Inside, lines

    def _limit(self, queue: ActionQueue) -> int:
        limit = queue.policy.max_queue_length
        return limit if self._emergency is None else self._emergency.relaxed(limit)

    def _full(self, queue: ActionQueue, key: str | None, now: float) -> Refusal | None:
        limit = self._limit(queue)
        if queue.queue_length < limit:
            return None
        # What can leave at once does not wait, or a burst on an idle queue would be cut short. Those that are ready go
        # first, and it has to leave now: later in the turn another queue may have taken the pool's room.
        pool = self._slots.pool(queue.policy.pool)
        starts = queue.startable and (queue.rate is None or queue.rate.available(now))
        if pool.room and (starts or queue.takes_at_once(key, now)):
            self._line_up()
            self._fill(pool, now)
        if queue.queue_length < limit or (queue.queue_length == limit and pool.room and queue.takes_at_once(key, now)):
            return None
        return queue.refuse_full(limit, now)

    def _join(self, queue: ActionQueue, key: str | None, execution_id: int, queue_order: int, created: float) -> None:
        group = queue.group(key)
        group.waiting.append(execution_id, queue_order, created)
        self._joined(queue, group, 1, created)

    def _joined(self, queue: ActionQueue, group: Group, count: int, created: float) -> None:
        queue.queue_length += count
        queue.settle(group)
        if queue.timeout_at is None:
            self._watch_heads(queue, created)

    def _leave(self, queue: ActionQueue, key: str | None, execution_id: int, queue_order: int, now: float) -> bool:
        group = queue.groups.get(key)
        if group is None or group.waiting.remove(queue_order) != execution_id:
            return False
        queue.queue_length -= 1
        queue.settle(group)
        self._draft.touch(queue, now)
        return True

    def _watch_heads(self, queue: ActionQueue, now: float) -> None:
        """Look at the heads of the lines when the first of them may time out, once a second at most."""
        queue.timeout_at = None
        timeout = queue.policy.queue_timeout_seconds
        if timeout is not None and (oldest := queue.oldest_enqueued_at()) is not None:
            queue.timeout_at = max(oldest + timeout, now + 1)
            self._timers.set(queue.timeout_at, Due.QUEUE_TIMEOUT, queue)

    def _time_out_heads(self, queue: ActionQueue, now: float) -> None:
        timeout = queue.policy.queue_timeout_seconds
        if timeout is None or queue.timeout_at is None or queue.timeout_at > now:
            # The timer of an earlier policy.
            return
        reason = f"waited longer than {timeout:g} s in the queue, as queue_timeout_seconds says"
        for group in list(queue.groups.values()):
            while group.waiting and group.waiting.head_created + timeout <= now:
                execution_id = group.waiting.popleft()
                queue.queue_length -= 1
                self._draft.finished(ended(execution_id, 0, ExecutionStatus.TIMEOUT, reason, now))
                self._draft.touch(queue, now)
            queue.settle(group)
        self._watch_heads(queue, now)

    # Inside, dispatching

    def _line_up(self) -> None:
        """Queues that changed and have something to start are ready, after those that were so before."""
        for queue in self._draft.touched.values():
            if queue.startable:
                self._slots.pool(queue.policy.pool).ready.setdefault(queue)

    def _fill(self, pool: WorkerPool, now: float) -> None:
        """Give out what the pool has room for, to one queue after the other, so that none goes ahead of all others."""
        room, ready = pool.room, pool.ready
        while room and ready:
            queue = next(iter(ready))
            del ready[queue]
            if not queue.startable:
                continue
            if queue.rate is not None and not queue.rate.available(now):
                if not queue.rate_timer:
                    queue.rate_timer = True
                    self._timers.set(queue.rate.next_at(), Due.RATE, queue)
                continue
            self._dispatch_head(queue, now)
            room -= 1
            # To the back, also of the turns to come.
            ready[queue] = None

    def _dispatch_head(self, queue: ActionQueue, now: float) -> None:
        group = next(iter(queue.ready))
        del queue.ready[group]
        execution_id = group.waiting.popleft()
        queue.queue_length -= 1
        queue.last_updated = now
        if queue.rate is not None:
            queue.rate.take(now)
            self._draft.rated(queue)
        self._draft.touched[queue.action_id] = queue
        self._slots.dispatch(queue, group, execution_id, now)
