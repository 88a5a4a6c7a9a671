"""The queues themselves: commands in, decisions out, first in, first out, never more active than the limit.

A pure state machine. The engine applies the commands of one turn, closes the turn, and commits what comes out
before anyone hears of it. If that commit fails, this object is thrown away and a new one restored from the journal.

The cost of every command is independent of how many executions wait.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.load import LoadMeter
from attune_executor.domain.policy import Admission, QueuePolicy
from attune_executor.domain.records import Accepted, Dispatched, Finished, Started, TurnRecord
from attune_executor.domain.submission import ExecutionRequest, Receipt, Refusal, RefusalCode


@dataclass(slots=True)
class _Active:
    """A slot in use."""

    queue: ActionQueue
    attempt: int
    started: bool


class Handoff(NamedTuple):
    """An execution to publish to its pool once the turn is committed; parameters come from the commit where None."""

    execution_id: int
    action_ref: str
    attempt: int
    pool: str
    publish_order: int
    parameters: bytes | None


class TurnDecision(NamedTuple):
    """What a turn decided: the rows to commit, what to publish after that, and the actions that changed."""

    record: TurnRecord
    handoffs: list[Handoff]
    changed: list[ActionQueue]


class ExecutionQueueManager:
    """All queues of one shard.

    ``publish_order`` is the last publish order that was ever given out; the manager continues from there.
    """

    def __init__(self, publish_order: int = 0) -> None:
        self._publish_order = publish_order
        self._by_ref: dict[str, ActionQueue] = {}
        self._by_id: dict[int, ActionQueue] = {}
        self._active: dict[int, _Active] = {}
        self._unconfirmed: dict[int, None] = {}
        self._open_turn()

    def _open_turn(self) -> None:
        self._accepted: list[Accepted] = []
        self._accepted_at: dict[int, int] = {}
        self._dispatched: list[Dispatched] = []
        self._started: dict[int, Started] = {}
        self._finished: list[Finished] = []
        self._handoffs: list[Handoff] = []
        self._touched: dict[int, ActionQueue] = {}

    # Restoring from the journal

    def restore_action(
        self,
        action_id: int,
        ref: str,
        policy: QueuePolicy | None,
        *,
        enabled: bool,
        last_order: int,
        total_rejected: int,
        now: float,
    ) -> None:
        """Make an action known, with its counters, before any of its executions is restored."""
        # An action without a policy may still have executions to finish: one at a time is the cautious limit.
        effective = policy if policy is not None else QueuePolicy(concurrency=1)
        queue = ActionQueue(
            action_id,
            ref,
            effective,
            enabled,
            governed=policy is not None,
            load=LoadMeter(effective.peak_window_seconds),
            last_order=last_order,
            released_order=last_order,
            total_rejected=total_rejected,
            last_updated=now,
        )
        self._by_ref[ref] = self._by_id[action_id] = queue
        self._touched[action_id] = queue

    def restore_waiting(self, execution_id: int, action_id: int, queue_order: int, created: float) -> None:
        """Put an execution back into its queue; call in queue order."""
        queue = self._by_id[action_id]
        if not queue.waiting:
            queue.released_order = queue_order - 1
        queue.waiting.append(execution_id)
        queue.waiting_since.append(created)

    def restore_active(
        self, execution_id: int, action_id: int, *, attempt: int, started: bool, confirmed: bool
    ) -> None:
        """Give an execution its slot back. Not ``confirmed``: whether its dispatch reached the broker is unknown."""
        queue = self._by_id[action_id]
        queue.active_count += 1
        self._active[execution_id] = _Active(queue, attempt, started)
        if not started and not confirmed:
            self._unconfirmed[execution_id] = None

    # Commands

    def set_policy(self, action_id: int, ref: str, policy: QueuePolicy, now: float) -> None:
        """Declare or change an action's policy; takes effect when the turn closes."""
        queue = self._by_ref.get(ref)
        if queue is None:
            self.restore_action(action_id, ref, policy, enabled=True, last_order=0, total_rejected=0, now=now)
            return
        queue.policy = policy
        queue.governed = True
        queue.load.window_seconds = policy.peak_window_seconds
        self._touch(queue, now)

    def remove_policy(self, ref: str, now: float) -> None:
        """Accept nothing more for the action; what waits drains under the last limit."""
        queue = self._by_ref.get(ref)
        if queue is not None:
            queue.governed = False
            self._touch(queue, now)

    def submit(self, request: ExecutionRequest, execution_id: int, now: float) -> Accepted | Refusal:
        """Accept a request at the tail of its queue, or refuse it. ``execution_id`` is used up only on acceptance."""
        queue = self._by_ref.get(request.action_ref)
        if queue is None or not queue.governed:
            return Refusal(
                RefusalCode.UNKNOWN_ACTION,
                f"Unknown action {request.action_ref!r}: declare an ActionQueuePolicy or a policies.actions entry",
                request.action_ref,
            )
        if not queue.enabled or queue.policy.admission is Admission.CLOSED:
            return Refusal(
                RefusalCode.ACTION_DISABLED,
                f"Action {request.action_ref!r} takes no executions: its admission is closed or it is disabled",
                request.action_ref,
            )
        # What this turn will dispatch does not count as waiting, or a burst on an idle queue would be cut short.
        if len(queue.waiting) - queue.free_slots >= queue.policy.max_queue_length:
            queue.total_rejected += 1
            self._touched[queue.action_id] = queue
            return Refusal(
                RefusalCode.QUEUE_FULL,
                f"Queue full (max length: {queue.policy.max_queue_length})",
                request.action_ref,
                queue.retry_after_seconds(now),
            )
        queue.last_order += 1
        accepted = Accepted(
            execution_id,
            queue.action_id,
            queue.ref,
            queue.last_order,
            request.parameters,
            request.idempotency_key,
            now,
            None,
        )
        self._accepted_at[execution_id] = len(self._accepted)
        self._accepted.append(accepted)
        queue.waiting.append(execution_id)
        queue.waiting_since.append(now)
        queue.load.arrived(now)
        self._touch(queue, now)
        return accepted

    def notify_started(self, started: Started, now: float) -> bool:
        """A worker began to run an execution; False where it holds no slot (finished already, or unknown)."""
        active = self._active.get(started.execution_id)
        if active is None:
            return False
        active.started = True
        self._unconfirmed.pop(started.execution_id, None)
        self._started[started.execution_id] = started
        self._touch(active.queue, now)
        return True

    def notify_completion(self, finished: Finished, now: float) -> bool:
        """An execution ended: its slot is free. False for a duplicate or late report, which changes nothing."""
        active = self._release(finished.execution_id, now)
        if active is None:
            return False
        if finished.started_at is not None:
            active.queue.load.finished(now, max(0.0, finished.finished_at - finished.started_at))
        self._finished.append(finished)
        return True

    def notify_ended_elsewhere(self, execution_id: int, now: float) -> bool:
        """The journal holds a terminal status that this manager did not decide: free the slot, write nothing."""
        return self._release(execution_id, now) is not None

    def redispatch_unconfirmed(self, now: float) -> int:
        """Dispatch again what may never have reached the broker and no worker has reported; returns how many."""
        lost = list(self._unconfirmed)
        self._unconfirmed.clear()
        for execution_id in lost:
            active = self._active[execution_id]
            active.attempt += 1
            self._hand_off(active, execution_id, None)
            self._dispatched.append(Dispatched(execution_id, active.attempt, self._publish_order))
            self._touch(active.queue, now)
        return len(lost)

    def close_turn(self, confirmed_order: int, now: float) -> TurnDecision:
        """Fill the free slots of every touched queue and hand over what the turn decided."""
        self._fill(now)
        decision = TurnDecision(
            TurnRecord(
                accepted=self._accepted,
                dispatched=self._dispatched,
                started=list(self._started.values()),
                finished=self._finished,
                publish_order=self._publish_order,
                confirmed_order=confirmed_order,
            ),
            self._handoffs,
            list(self._touched.values()),
        )
        self._open_turn()
        return decision

    # Looking

    @property
    def publish_order(self) -> int:
        """The last publish order given out."""
        return self._publish_order

    def queue(self, ref: str) -> ActionQueue | None:
        """The queue of an action, or None where it is unknown."""
        return self._by_ref.get(ref)

    def queue_of(self, action_id: int) -> ActionQueue | None:
        """The queue of an action by its id."""
        return self._by_id.get(action_id)

    def queues(self) -> Iterator[ActionQueue]:
        """Every queue."""
        return iter(self._by_ref.values())

    def receipt(self, accepted: Accepted) -> Receipt:
        """What to answer for an accepted execution, once its turn is closed."""
        position = max(0, self._by_id[accepted.action_id].position(accepted.queue_order))
        status = ExecutionStatus.REQUESTED if position else ExecutionStatus.SCHEDULED
        return Receipt(accepted.execution_id, accepted.action_ref, status, position, duplicate=False)

    # Inside

    def _touch(self, queue: ActionQueue, now: float) -> None:
        queue.last_updated = now
        self._touched[queue.action_id] = queue

    def _release(self, execution_id: int, now: float) -> _Active | None:
        active = self._active.pop(execution_id, None)
        if active is not None:
            self._unconfirmed.pop(execution_id, None)
            self._started.pop(execution_id, None)
            active.queue.active_count -= 1
            self._touch(active.queue, now)
        return active

    def _fill(self, now: float) -> None:
        """Give out free slots one queue after the other, so that no action's burst goes ahead of all others."""
        ready = [queue for queue in self._touched.values() if queue.waiting and queue.free_slots]
        while ready:
            for queue in ready:
                self._dispatch_head(queue, now)
            ready = [queue for queue in ready if queue.waiting and queue.free_slots]

    def _dispatch_head(self, queue: ActionQueue, now: float) -> None:
        execution_id = queue.waiting.popleft()
        queue.waiting_since.popleft()
        queue.released_order = queue.last_order - len(queue.waiting)
        queue.active_count += 1
        queue.last_updated = now
        active = self._active[execution_id] = _Active(queue, attempt=1, started=False)
        index = self._accepted_at.get(execution_id)
        if index is None:
            self._hand_off(active, execution_id, None)
            self._dispatched.append(Dispatched(execution_id, active.attempt, self._publish_order))
        else:
            accepted = self._accepted[index]
            self._hand_off(active, execution_id, accepted.parameters)
            self._accepted[index] = accepted._replace(dispatch_order=self._publish_order)

    def _hand_off(self, active: _Active, execution_id: int, parameters: bytes | None) -> None:
        self._publish_order += 1
        queue = active.queue
        self._handoffs.append(
            Handoff(execution_id, queue.ref, active.attempt, queue.policy.pool, self._publish_order, parameters)
        )
