"""The executions that hold a slot: with the broker, with a worker, or waiting to be retried.

From dispatch to terminal status, through retries and cancels. What is decided goes into the draft of the turn, and
what frees a slot is seen by the queue it belongs to.
"""

from attune_executor.domain.action_queue import ActionQueue, Group
from attune_executor.domain.active import Active
from attune_executor.domain.execution import Ending, ExecutionStatus
from attune_executor.domain.policy import WorkerLost
from attune_executor.domain.records import Dispatched, Finished, Postponed, Started, ended
from attune_executor.domain.restored import ActiveExecution
from attune_executor.domain.submission import Intervention
from attune_executor.domain.timers import Due, Timers
from attune_executor.domain.turn_draft import CancelOrder, Handoff, TurnDraft
from attune_executor.domain.worker_pool import WorkerPool
from attune_executor.domain.worker_pools import WorkerPools


class Slots:
    """All slots in use.

    Args:
        publish_order: the last publish order that was ever given out.
    """

    def __init__(self, publish_order: int, pools: WorkerPools, timers: Timers, draft: TurnDraft) -> None:
        self.publish_order = publish_order
        self.active: dict[int, Active] = {}
        """By execution id. To be read by all, and changed here alone."""
        self._pools = pools
        self._timers = timers
        self._draft = draft
        self._in_doubt: dict[int, int] = {}
        """Publish orders, ascending, of what an earlier owner dispatched without knowing it confirmed."""

    def restore(self, queue: ActionQueue, row: ActiveExecution, now: float, *, confirmed: bool) -> None:
        """Give an execution its slot back. Not ``confirmed``: whether its dispatch reached the broker is unknown."""
        execution_id = row.execution_id
        started = row.status is ExecutionStatus.RUNNING
        active = Active(
            queue,
            queue.group(row.group_key),
            self._pools.named(queue.policy.pool),
            row.attempt,
            since=now,
            updated=row.updated,
            failures=row.failures,
            started=started,
            worker=row.worker,
            confirmed=confirmed or started,
            retry_at=row.retry_at,
        )
        self.publish_order = max(self.publish_order, row.publish_order)
        self._occupy(execution_id, active)
        if not active.confirmed:
            self._in_doubt[execution_id] = row.publish_order
        if row.retry_at is not None:
            self._timers.set(row.retry_at, Due.RETRY, execution_id)
        if row.cancelling:
            self.stop(execution_id, active, now)

    def confirmed_up_to(self, confirmed_order: int) -> int:
        """The publishes that a successor need not doubt, where those of this owner are confirmed up to here."""
        return min(confirmed_order, min(self._in_doubt.values(), default=confirmed_order + 1) - 1)

    # What callers, workers and operators say

    def cancel(self, execution_id: int, now: float) -> Intervention:
        """Have the worker stop an execution that holds a slot, or end it where it waits to be retried."""
        active = self.active[execution_id]
        if not self._handed_over(execution_id, active):
            self.end(execution_id, active, Ending.because(ExecutionStatus.CANCELLED, "cancelled"), now)
            return Intervention.CANCELLED
        self.stop(execution_id, active, now)
        return Intervention.CANCELLING

    def complete(self, execution_id: int, ending: Ending, now: float) -> Intervention:
        """End an execution that holds a slot as an operator says; whoever has it is told to stop, no more."""
        active = self.active[execution_id]
        if self._handed_over(execution_id, active):
            self.tell_to_stop(execution_id, active)
        self.end(execution_id, active, ending, now)
        return Intervention.COMPLETED

    def started(self, started: Started, now: float) -> bool:
        """A worker began to run an execution; False where it holds no slot, or a newer attempt is under way."""
        active = self.active.get(started.execution_id)
        if active is None or started.attempt < active.attempt or active.retry_at is not None:
            # Too late: it was given up, cancelled or timed out. Whoever runs it is told to stop.
            pool = self._pools.pool_of(started.worker)
            if pool is not None:
                self._draft.cancels.append(CancelOrder(pool, started.execution_id, started.attempt))
            return False
        active.started = True
        self.confirm(started.execution_id, active)
        active.worker = started.worker
        active.since = active.updated = now
        active.missing = 0
        self._draft.started(started)
        self._draft.touch(active.queue, now)
        return True

    def completed(self, finished: Finished, now: float) -> bool:
        """An execution ended: its slot is free, or it runs again as its policy says.

        False for a duplicate or late report, which changes nothing. The first success wins, whatever its attempt; an
        earlier attempt that did not succeed says nothing about the one that is under way.
        """
        execution_id = finished.execution_id
        active = self.active.get(execution_id)
        if active is None:
            return False
        stale = finished.attempt < active.attempt
        if finished.status is not ExecutionStatus.SUCCEEDED:
            if stale or active.retry_at is not None:
                return False
            if finished.status is not ExecutionStatus.CANCELLED and self.runs_again(execution_id, active, now):
                return True
        elif stale or active.worker not in (None, finished.worker):
            # Another worker has it too, delivered again after a lost connection: it need not go on.
            self.tell_to_stop(execution_id, active)
        if finished.started_at is not None:
            seconds = max(0.0, finished.finished_at - finished.started_at)
            active.queue.load.finished(now, seconds)
            active.queue.ran(seconds)
            active.pool.ran(seconds)
        active.queue.load.ended(now, finished.status)
        self._release(execution_id, active, now)
        self._draft.finished(finished)
        return True

    def ended_elsewhere(self, execution_id: int, now: float) -> bool:
        """The journal holds a terminal status that was not decided here: free the slot, write nothing."""
        active = self.active.get(execution_id)
        if active is None:
            return False
        self.tell_to_stop(execution_id, active)
        active.queue.load.ended(now, None)
        self._release(execution_id, active, now)
        return True

    def retry_due(self, execution_id: int, now: float) -> None:
        """The pause of an execution that is to run again may be over."""
        active = self.active.get(execution_id)
        if active is not None and active.retry_at is not None and active.retry_at <= now:
            self.dispatch_again(execution_id, active, now)

    # What becomes of an execution

    def dispatch(self, queue: ActionQueue, group: Group, execution_id: int, now: float) -> None:
        """Hand an execution that has just left its line to the pool."""
        active = Active(queue, group, self._pools.named(queue.policy.pool), 1, since=now, updated=now)
        self._occupy(execution_id, active)
        self.publish_order += 1
        parameters = self._draft.first_dispatch(execution_id, self.publish_order)
        self._hand_off(active, execution_id, parameters)

    def dispatch_again(self, execution_id: int, active: Active, now: float) -> None:
        """Hand the next attempt to the pool that the policy names by now."""
        if active.started or active.confirmed:
            # Whoever may still have the earlier attempt is to let go of it.
            self.tell_to_stop(execution_id, active)
        self.move(execution_id, active, self._pools.named(active.queue.policy.pool))
        # Where a draining worker has the earlier attempt, this one is in the way of others all the same.
        active.pool.left(execution_id)
        active.attempt += 1
        active.started = False
        active.worker = None
        self.confirm(execution_id, active)
        active.retry_at = None
        active.since = active.updated = now
        active.missing = 0
        self.publish_order += 1
        self._draft.dispatched(Dispatched(execution_id, active.attempt, self.publish_order, active.failures))
        self._hand_off(active, execution_id, None)
        self._draft.touch(active.queue, now)

    def runs_again(self, execution_id: int, active: Active, now: float) -> bool:
        """Whether a run that did not succeed is repeated, and if so see to it."""
        retry = active.queue.policy.retry
        if active.cancel_at is not None or active.failures + 1 >= retry.max_attempts:
            return False
        active.failures += 1
        if retry.delay_seconds > 0:
            active.retry_at = now + retry.delay_seconds
            self._timers.set(active.retry_at, Due.RETRY, execution_id)
            self._draft.postponed(Postponed(execution_id, active.failures, active.retry_at))
            self._draft.touch(active.queue, now)
        else:
            self.dispatch_again(execution_id, active, now)
        return True

    def move(self, execution_id: int, active: Active, pool: WorkerPool) -> None:
        """It is in this pool, whichever it was in before."""
        if active.pool is not pool:
            active.pool.in_flight -= 1
            active.pool.left(execution_id)
            pool.in_flight += 1
            active.pool = pool

    def confirm(self, execution_id: int, active: Active) -> None:
        """Its dispatch is known to have reached the broker, or need not be known any more."""
        active.confirmed = True
        self._in_doubt.pop(execution_id, None)

    def stop(self, execution_id: int, active: Active, now: float) -> None:
        """Have its worker stop it; it keeps its slot until it has stopped."""
        if active.cancel_at is None:
            active.cancel_at = now
            self._draft.cancelling(execution_id)
        self.tell_to_stop(execution_id, active)
        self._draft.touch(active.queue, now)

    def tell_to_stop(self, execution_id: int, active: Active) -> None:
        """Whoever has this attempt, or an earlier one, is told to let go of it."""
        self._draft.cancels.append(CancelOrder(active.pool.name, execution_id, active.attempt))

    def end(self, execution_id: int, active: Active, ending: Ending, now: float) -> None:
        """It ended, and no worker says so."""
        active.queue.load.ended(now, ending.status)
        self._release(execution_id, active, now)
        self._draft.finished(ended(execution_id, active.attempt, ending, now, active.worker))

    def _handed_over(self, execution_id: int, active: Active) -> bool:
        """Whether somebody may have it: it neither waits to be retried nor is about to be handed over again."""
        return active.retry_at is None and not self._draft.dispatches_again(execution_id)

    def _occupy(self, execution_id: int, active: Active) -> None:
        self.active[execution_id] = active
        active.queue.active_count += 1
        active.group.active_count += 1
        active.pool.in_flight += 1
        active.queue.settle(active.group)

    def _release(self, execution_id: int, active: Active, now: float) -> None:
        del self.active[execution_id]
        self._in_doubt.pop(execution_id, None)
        self._draft.released(execution_id)
        queue, group, pool = active.queue, active.group, active.pool
        queue.active_count -= 1
        group.active_count -= 1
        pool.in_flight -= 1
        pool.left(execution_id)
        queue.settle(group)
        self._draft.touch(queue, now)

    def _hand_off(self, active: Active, execution_id: int, parameters: bytes | None) -> None:
        queue, policy = active.queue, active.queue.policy
        self._draft.handoff(
            Handoff(
                execution_id,
                queue.ref,
                active.attempt,
                active.pool.name,
                self.publish_order,
                parameters,
                policy.execution_timeout_seconds,
                policy.retry.worker_lost is WorkerLost.FAIL,
                queue.recent_seconds,
            )
        )
