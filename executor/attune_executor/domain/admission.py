"""Who may enter a queue: not where the action takes nothing, nor where the queue is full."""

from enum import StrEnum

from attune_executor.domain.acceptance import AcceptanceTimes
from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.group_key import group_key
from attune_executor.domain.lines import Lines
from attune_executor.domain.policy import Admission
from attune_executor.domain.records import Accepted
from attune_executor.domain.round_robin import RoundRobin
from attune_executor.domain.submission import ExecutionRequest, Refusal, RefusalCode
from attune_executor.domain.turn_draft import TurnDraft
from attune_executor.domain.worker_pools import WorkerPools


class Closure(StrEnum):
    """Why an action takes no executions however few wait."""

    NO_POLICY = "no_policy"
    """No policy declares it."""
    DISABLED = "disabled"
    """Somebody set ``enabled`` to false in the database."""
    ADMISSION = "admission"
    """Its policy's admission is Closed."""
    EMERGENCY = "emergency"
    """Emergency mode has closed it by its priority or tags."""


class AdmissionControl:
    """Accepts requests at the tails of their queues, or refuses them."""

    def __init__(self, lines: Lines, round_robin: RoundRobin, pools: WorkerPools, draft: TurnDraft) -> None:
        self._lines = lines
        self._round_robin = round_robin
        self._pools = pools
        self._draft = draft
        self.acceptance_times = AcceptanceTimes()
        """Of all queues."""
        self.emergency: Emergency | None = None
        """Emergency mode, while it is on."""

    def submit(
        self, queue: ActionQueue | None, request: ExecutionRequest, execution_id: int, now: float
    ) -> Accepted | Refusal:
        """Accept a request at the tail of ``queue``, None where the action is unknown, or refuse it."""
        refused = _closed(request.action_ref, queue, self.emergency)
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
            self.acceptance_times.next(now),
            None,
            key,
        )
        self._draft.accepted(accepted)
        self._lines.join(queue, key, execution_id, queue.last_order, accepted.created)
        queue.load.arrived(now)
        self._draft.touch(queue, now)
        if queue.queue_length > self._limit(queue):
            self._round_robin.fill(self._pools.named(queue.policy.pool), now)
        return accepted

    def _limit(self, queue: ActionQueue) -> int:
        limit = queue.policy.max_queue_length
        return limit if self.emergency is None else self.emergency.relaxed(limit)

    def _full(self, queue: ActionQueue, key: str | None, now: float) -> Refusal | None:
        limit = self._limit(queue)
        if queue.queue_length < limit:
            return None
        # What can leave at once does not wait, or a burst on an idle queue would be cut short. Those that are ready go
        # first, and it has to leave now: later in the turn another queue may have taken the pool's room.
        pool = self._pools.named(queue.policy.pool)
        starts = queue.startable and (queue.rate is None or queue.rate.available(now))
        if pool.room and (starts or queue.takes_at_once(key, now)):
            self._round_robin.fill(pool, now)
        if queue.queue_length < limit or (queue.queue_length == limit and pool.room and queue.takes_at_once(key, now)):
            return None
        return queue.refuse_full(limit, now)


def closure(queue: ActionQueue, emergency: Emergency | None) -> Closure | None:
    """Why the action of ``queue`` takes no executions however few wait, or None where it does."""
    if not queue.governed:
        return Closure.NO_POLICY
    if not queue.enabled:
        return Closure.DISABLED
    if queue.policy.admission is Admission.CLOSED:
        return Closure.ADMISSION
    return Closure.EMERGENCY if emergency is not None and emergency.closes(queue.policy) else None


def _closed(ref: str, queue: ActionQueue | None, emergency: Emergency | None) -> Refusal | None:
    """The answer where action ``ref`` takes no executions however few wait, or None where it does."""
    closed = Closure.NO_POLICY if queue is None else closure(queue, emergency)
    if closed is None:
        return None
    if closed is Closure.NO_POLICY:
        return Refusal(
            RefusalCode.UNKNOWN_ACTION,
            f"Unknown action {ref!r}: declare an ActionQueuePolicy or a policies.actions entry",
            ref,
        )
    why = (
        "emergency mode has closed it by its priority or tags"
        if closed is Closure.EMERGENCY
        else "its admission is closed or it is disabled"
    )
    return Refusal(RefusalCode.ACTION_DISABLED, f"Action {ref!r} takes no executions: {why}", ref)
