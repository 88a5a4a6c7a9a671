"""The executions that hold a slot: with the broker, with a worker, or waiting to be retried.

From dispatch to terminal status, through retries, cancels, hung and lost workers. What is decided goes into the draft
of the turn, and what frees a slot is seen by the queue it belongs to.
"""

from dataclasses import dataclass

from attune_executor.domain.action_queue import ActionQueue, Group
from attune_executor.domain.active import MAX_WORKERS_LOST, Active
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import WorkerLost
from attune_executor.domain.records import Dispatched, Finished, Postponed, Started, ended
from attune_executor.domain.submission import Cancellation
from attune_executor.domain.timers import Due, Timers
from attune_executor.domain.turn_draft import CancelOrder, Handoff, TurnDraft
from attune_executor.domain.worker_pool import WorkerPool
from attune_executor.domain.workers import Heartbeat


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take before the executor acts itself.

    Attributes:
        scheduled_seconds: an execution that was dispatched and that nobody holds is dispatched again after this long.
        run_grace_seconds: beyond the execution timeout, until a worker that did not enforce it counts as hung.
        cancel_seconds: a worker's time to stop what was cancelled, until its slot is taken back.
    """

    scheduled_seconds: float = 300.0
    run_grace_seconds: float = 10.0
    cancel_seconds: float = 30.0


class Slots:
    """All slots in use, and the pools that they are in.

    Args:
        publish_order: the last publish order that was ever given out.
    """

    def __init__(self, publish_order: int, patience: Patience, timers: Timers) -> None:
        self.publish_order = publish_order
        self.pools: dict[str, WorkerPool] = {}
        self.shards = 1
        """Among how many the pools are divided."""
        self.draft = TurnDraft()
        """Of the turn under way."""
        self._patience = patience
        self._timers = timers
        self._active: dict[int, Active] = {}
        self._in_doubt: dict[int, int] = {}
        """Publish orders, ascending, of what an earlier owner dispatched without knowing it confirmed."""
        self._pool_of_worker: dict[str, str] = {}

    def restore(
        self,
        queue: ActionQueue,
        group: Group,
        execution_id: int,
        now: float,
        *,
        attempt: int,
        failures: int,
        started: bool,
        worker: str | None,
        publish_order: int,
        confirmed: bool,
        cancelling: bool,
        retry_at: float | None,
    ) -> None:
        """Give an execution its slot back. Not ``confirmed``: whether its dispatch reached the broker is unknown."""
        self.publish_order = max(self.publish_order, publish_order)
        active = self._occupy(queue, group, execution_id, attempt, now)
        active.failures = failures
        active.started = started
        active.worker = worker
        active.confirmed = confirmed or started
        if not active.confirmed:
            self._in_doubt[execution_id] = publish_order
        if retry_at is not None:
            active.retry_at = retry_at
            self._timers.set(retry_at, Due.RETRY, execution_id)
        if cancelling:
            self._stop(execution_id, active, now)

    def confirmed_up_to(self, confirmed_order: int) -> int:
        """The publishes that a successor need not doubt, where those of this owner are confirmed up to here."""
        return min(confirmed_order, min(self._in_doubt.values(), default=confirmed_order + 1) - 1)

    def pool(self, name: str) -> WorkerPool:
        """The pool of this name, made where it is new."""
        pool = self.pools.get(name)
        if pool is None:
            pool = self.pools[name] = WorkerPool(name, shards=self.shards)
        return pool

    def holds(self, execution_id: int) -> bool:
        """Whether an execution is dispatched and not finished."""
        return execution_id in self._active

    def held_by_worker(self, pool: str) -> dict[str, int]:
        """Executions that each worker of a pool has, as far as it has said so; those that drain are left out."""
        known = self.pools.get(pool)
        if known is None:
            return {}
        held = {
            worker.name: {execution_id for execution_id in worker.held if execution_id in self._active}
            for worker in known.workers.values()
            if not worker.draining
        }
        for execution_id, active in self._active.items():
            if active.pool is known and active.worker in held:
                held[active.worker].add(execution_id)
        return {worker: len(executions) for worker, executions in held.items()}

    # What callers, workers and operators say

    def cancel(self, execution_id: int, now: float) -> Cancellation:
        """Have the worker stop an execution that holds a slot, or end it where it waits to be retried."""
        active = self._active[execution_id]
        if active.retry_at is not None or self.draft.dispatches_again(execution_id):
            self._end(execution_id, active, ExecutionStatus.CANCELLED, "cancelled", now)
            return Cancellation.CANCELLED
        self._stop(execution_id, active, now)
        return Cancellation.CANCELLING

    def started(self, started: Started, now: float) -> bool:
        """A worker began to run an execution; False where it holds no slot, or a newer attempt is under way."""
        active = self._active.get(started.execution_id)
        if active is None or started.attempt < active.attempt or active.retry_at is not None:
            # Too late: it was given up, cancelled or timed out. Whoever runs it is told to stop.
            pool = self._pool_of_worker.get(started.worker)
            if pool is not None:
                self.draft.cancels.append(CancelOrder(pool, started.execution_id, started.attempt))
            return False
        active.started = True
        self._confirm(started.execution_id, active)
        active.worker = started.worker
        active.since = now
        active.missing = 0
        self.draft.started(started)
        self.draft.touch(active.queue, now)
        return True

    def completed(self, finished: Finished, now: float) -> bool:
        """An execution ended: its slot is free, or it runs again as its policy says.

        False for a duplicate or late report, which changes nothing. The first success wins, whatever its attempt; an
        earlier attempt that did not succeed says nothing about the one that is under way.
        """
        execution_id = finished.execution_id
        active = self._active.get(execution_id)
        if active is None:
            return False
        stale = finished.attempt < active.attempt
        if finished.status is not ExecutionStatus.SUCCEEDED:
            if stale or active.retry_at is not None:
                return False
            if finished.status is not ExecutionStatus.CANCELLED and self._runs_again(execution_id, active, now):
                return True
        elif stale or active.worker not in (None, finished.worker):
            # Another worker has it too, delivered again after a lost connection: it need not go on.
            self.draft.cancels.append(CancelOrder(active.pool.name, execution_id, active.attempt))
        if finished.started_at is not None:
            seconds = max(0.0, finished.finished_at - finished.started_at)
            active.queue.load.finished(now, seconds)
            active.queue.ran(seconds)
            active.pool.ran(seconds)
        self._release(execution_id, active, now)
        self.draft.finished(finished)
        return True

    def heartbeat(self, heartbeat: Heartbeat) -> None:
        """A worker is there, with its slots and what it holds."""
        self._pool_of_worker[heartbeat.worker] = heartbeat.pool
        pool = self.pool(heartbeat.pool)
        under_way: set[int] = set()
        for execution_id, attempt in heartbeat.held:
            active = self._active.get(execution_id)
            if active is not None and active.attempt == attempt:
                under_way.add(execution_id)
                # The journal does not say where it was dispatched to: after a rebuild the policy may name another pool.
                self._move(execution_id, active, pool)
        pool.heard(heartbeat, under_way)

    def ended_elsewhere(self, execution_id: int, now: float) -> bool:
        """The journal holds a terminal status that was not decided here: free the slot, write nothing."""
        active = self._active.get(execution_id)
        if active is None:
            return False
        self.draft.cancels.append(CancelOrder(active.pool.name, execution_id, active.attempt))
        self._release(execution_id, active, now)
        return True

    # Time

    def call_roll(self, now: float) -> int:
        """Count the roll call that is about to be sent, and look after what is active; returns how many were lost.

        Workers that have not answered the last ones are gone, and their slots with them. What nobody holds is given up,
        what hangs times out, and whoever has what is cancelled is told again.
        """
        for pool in self.pools.values():
            for worker in pool.call_roll():
                self._pool_of_worker.pop(worker.name, None)
        held = {execution_id for pool in self.pools.values() for execution_id in pool.held()}
        lost = 0
        # A copy: what is done about one of them may take it out.
        for execution_id, active in list(self._active.items()):
            if active.retry_at is not None:
                continue
            if active.cancel_at is not None:
                self._stop_again(execution_id, active, active.cancel_at, now)
            elif active.hangs(now, self._patience.run_grace_seconds):
                self._hung(execution_id, active, now)
            elif execution_id in held:
                active.missing = 0
                self._confirm(execution_id, active)
            elif active.is_lost(now, self._patience.scheduled_seconds):
                lost += 1
                self._lost(execution_id, active, now)
        return lost

    def retry_due(self, execution_id: int, now: float) -> None:
        """The pause of an execution that is to run again may be over."""
        active = self._active.get(execution_id)
        if active is not None and active.retry_at is not None and active.retry_at <= now:
            self._dispatch_again(execution_id, active, now)

    # Dispatching

    def dispatch(self, queue: ActionQueue, group: Group, execution_id: int, now: float) -> None:
        """Hand an execution that has just left its line to the pool."""
        active = self._occupy(queue, group, execution_id, 1, now)
        self.publish_order += 1
        parameters = self.draft.first_dispatch(execution_id, self.publish_order)
        self._hand_off(active, execution_id, parameters)

    def _dispatch_again(self, execution_id: int, active: Active, now: float) -> None:
        """Hand the next attempt to the pool that the policy names by now."""
        if active.started or active.confirmed:
            # Whoever may still have the earlier attempt is to let go of it.
            self.draft.cancels.append(CancelOrder(active.pool.name, execution_id, active.attempt))
        self._move(execution_id, active, self.pool(active.queue.policy.pool))
        # Where a draining worker has the earlier attempt, this one is in the way of others all the same.
        active.pool.left(execution_id)
        active.attempt += 1
        active.started = False
        active.worker = None
        self._confirm(execution_id, active)
        active.retry_at = None
        active.since = now
        active.missing = 0
        self.publish_order += 1
        self.draft.dispatched(Dispatched(execution_id, active.attempt, self.publish_order, active.failures))
        self._hand_off(active, execution_id, None)
        self.draft.touch(active.queue, now)

    def _hand_off(self, active: Active, execution_id: int, parameters: bytes | None) -> None:
        queue, policy = active.queue, active.queue.policy
        self.draft.handoff(
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

    # Inside

    def _occupy(self, queue: ActionQueue, group: Group, execution_id: int, attempt: int, now: float) -> Active:
        pool = self.pool(queue.policy.pool)
        active = self._active[execution_id] = Active(queue, group, pool, attempt, since=now)
        queue.active_count += 1
        group.active_count += 1
        pool.in_flight += 1
        queue.settle(group)
        return active

    def _move(self, execution_id: int, active: Active, pool: WorkerPool) -> None:
        if active.pool is not pool:
            active.pool.in_flight -= 1
            active.pool.left(execution_id)
            pool.in_flight += 1
            active.pool = pool

    def _confirm(self, execution_id: int, active: Active) -> None:
        active.confirmed = True
        self._in_doubt.pop(execution_id, None)

    def _release(self, execution_id: int, active: Active, now: float) -> None:
        del self._active[execution_id]
        self._in_doubt.pop(execution_id, None)
        self.draft.released(execution_id)
        queue, group, pool = active.queue, active.group, active.pool
        queue.active_count -= 1
        group.active_count -= 1
        pool.in_flight -= 1
        pool.left(execution_id)
        queue.settle(group)
        self.draft.touch(queue, now)

    def _end(self, execution_id: int, active: Active, status: ExecutionStatus, reason: str, now: float) -> None:
        """The executor itself says how it ended."""
        attempt, worker = active.attempt, active.worker
        self._release(execution_id, active, now)
        self.draft.finished(ended(execution_id, attempt, status, reason, now)._replace(worker=worker))

    def _stop(self, execution_id: int, active: Active, now: float) -> None:
        if active.cancel_at is None:
            active.cancel_at = now
            self.draft.cancelling(execution_id)
        self.draft.cancels.append(CancelOrder(active.pool.name, execution_id, active.attempt))
        self.draft.touch(active.queue, now)

    def _stop_again(self, execution_id: int, active: Active, cancel_at: float, now: float) -> None:
        if now - cancel_at < self._patience.cancel_seconds:
            self._stop(execution_id, active, now)
        else:
            self._end(execution_id, active, ExecutionStatus.CANCELLED, "cancelled; no worker confirmed it", now)

    def _hung(self, execution_id: int, active: Active, now: float) -> None:
        self.draft.cancels.append(CancelOrder(active.pool.name, execution_id, active.attempt))
        if not self._runs_again(execution_id, active, now):
            timeout = active.queue.policy.execution_timeout_seconds or 0
            reason = f"ran longer than {timeout:g} s, and its worker did not stop it"
            self._end(execution_id, active, ExecutionStatus.TIMEOUT, reason, now)

    def _runs_again(self, execution_id: int, active: Active, now: float) -> bool:
        """Whether a run that did not succeed is repeated, and if so see to it."""
        retry = active.queue.policy.retry
        if active.cancel_at is not None or active.failures + 1 >= retry.max_attempts:
            return False
        active.failures += 1
        if retry.delay_seconds > 0:
            active.retry_at = now + retry.delay_seconds
            self._timers.set(active.retry_at, Due.RETRY, execution_id)
            self.draft.postponed(Postponed(execution_id, active.failures, active.retry_at))
            self.draft.touch(active.queue, now)
        else:
            self._dispatch_again(execution_id, active, now)
        return True

    def _lost(self, execution_id: int, active: Active, now: float) -> None:
        if active.queue.policy.retry.worker_lost is WorkerLost.RETRY:
            if active.workers_lost + 1 < MAX_WORKERS_LOST:
                self._dispatch_again(execution_id, active, now)
            else:
                reason = f"worker lost: {MAX_WORKERS_LOST} workers were lost while they had this execution"
                self._end(execution_id, active, ExecutionStatus.FAILED, reason, now)
        elif not self._runs_again(execution_id, active, now):
            self._end(execution_id, active, ExecutionStatus.FAILED, "worker lost", now)
