"""Roll calls: which workers are there and what they hold, and what becomes of what they do not.

Every execution that holds a slot is looked after at each roll call: it may be lost, it may hang, and a worker may not
have stopped it. What is to be done about it is done by the slots.
"""

from dataclasses import dataclass

from attune_executor.domain.active import MAX_WORKERS_LOST, Active
from attune_executor.domain.execution import Ending, ExecutionStatus
from attune_executor.domain.policy import WorkerLost
from attune_executor.domain.slots import Slots
from attune_executor.domain.worker_pools import WorkerPools
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


class RollCall:
    """Compares the slots in use with what workers say that they hold."""

    def __init__(self, slots: Slots, pools: WorkerPools, patience: Patience) -> None:
        self._slots = slots
        self._pools = pools
        self._patience = patience

    def heard(self, heartbeat: Heartbeat, now: float) -> None:
        """A worker is there, with its slots and what it holds."""
        pool = self._pools.named(heartbeat.pool)
        under_way: set[int] = set()
        for execution_id, attempt in heartbeat.held:
            active = self._slots.active.get(execution_id)
            if active is not None and active.attempt == attempt:
                under_way.add(execution_id)
                # The journal does not say where it was dispatched to: after a rebuild the policy may name another pool.
                self._slots.move(execution_id, active, pool)
        self._pools.heard(heartbeat, under_way, now)

    def held_by_worker(self, pool: str) -> dict[str, int]:
        """Executions that each worker of a pool has, as far as it has said so; those that drain are left out."""
        known = self._pools.known(pool)
        if known is None:
            return {}
        held = {
            worker.name: {execution_id for execution_id in worker.held if execution_id in self._slots.active}
            for worker in known.workers.values()
            if not worker.draining
        }
        for execution_id, active in self._slots.active.items():
            if active.pool is known and active.worker in held:
                held[active.worker].add(execution_id)
        return {worker: len(executions) for worker, executions in held.items()}

    def call(self, now: float) -> int:
        """Count the roll call that is about to be sent, and look after what is active; returns how many were lost.

        Workers that have not answered the last ones are gone, and their slots with them. What nobody holds is given up,
        what hangs times out, and whoever has what is cancelled is told again.
        """
        self._pools.call_roll()
        held = self._pools.held()
        lost = 0
        # A copy: what is done about one of them may take it out.
        for execution_id, active in list(self._slots.active.items()):
            if active.retry_at is not None:
                continue
            if active.cancel_at is not None:
                self._stop_again(execution_id, active, active.cancel_at, now)
            elif active.hangs(now, self._patience.run_grace_seconds):
                self._hung(execution_id, active, now)
            elif execution_id in held:
                active.missing = 0
                self._slots.confirm(execution_id, active)
            elif active.is_lost(now, self._patience.scheduled_seconds):
                lost += 1
                self._lost(execution_id, active, now)
        return lost

    def _stop_again(self, execution_id: int, active: Active, cancel_at: float, now: float) -> None:
        if now - cancel_at < self._patience.cancel_seconds:
            self._slots.stop(execution_id, active, now)
        else:
            reason = "cancelled; no worker confirmed it"
            self._slots.end(execution_id, active, Ending.because(ExecutionStatus.CANCELLED, reason), now)

    def _hung(self, execution_id: int, active: Active, now: float) -> None:
        self._slots.tell_to_stop(execution_id, active)
        if not self._slots.runs_again(execution_id, active, now):
            timeout = active.queue.policy.execution_timeout_seconds or 0
            reason = f"ran longer than {timeout:g} s, and its worker did not stop it"
            self._slots.end(execution_id, active, Ending.because(ExecutionStatus.TIMEOUT, reason), now)

    def _lost(self, execution_id: int, active: Active, now: float) -> None:
        if active.queue.policy.retry.worker_lost is WorkerLost.RETRY:
            if active.workers_lost + 1 < MAX_WORKERS_LOST:
                self._slots.dispatch_again(execution_id, active, now)
            else:
                reason = f"worker lost: {MAX_WORKERS_LOST} workers were lost while they had this execution"
                self._slots.end(execution_id, active, Ending.because(ExecutionStatus.FAILED, reason), now)
        elif not self._slots.runs_again(execution_id, active, now):
            self._slots.end(execution_id, active, Ending.because(ExecutionStatus.FAILED, "worker lost"), now)
