"""Why the execution at the head of a queue has not started yet, and why a queue takes nothing, if it takes nothing."""

from dataclasses import dataclass
from enum import StrEnum

from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.admission import Closure, closure
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.policy import Admission
from attune_executor.domain.worker_pool import WorkerPool


class WaitsFor(StrEnum):
    """What the head of a queue waits for."""

    ADMISSION = "admission"
    """Admission is Hold: for somebody to open it again."""
    CONCURRENCY = "concurrency"
    """As many run as may."""
    WORKER = "worker"
    """No worker of the pool has announced itself."""
    RATE_LIMIT = "rate_limit"
    """The budget of the window is used up."""
    SLOT = "slot"
    """The workers of the pool have their hands full."""
    TURN = "turn"
    """Nothing: it is dispatched in the next turn."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one action's queue stands.

    Attributes:
        waits_for: what its head waits for; None where nothing waits.
        goes_on_at: when the rate limit lets the head go, in Unix seconds; None where something else holds it.
        closure: why new executions are refused however few wait; None where they are taken.
    """

    action_ref: str
    pool: str
    queue_length: int
    active_count: int
    waits_for: WaitsFor | None
    goes_on_at: float | None
    closure: Closure | None


def standing(queue: ActionQueue, pool: WorkerPool | None, emergency: Emergency | None, now: float) -> Standing:
    """How ``queue`` stands at ``now``; ``pool`` is its policy's, None where nobody has spoken of it."""
    waits_for = _waits_for(queue, pool, now)
    return Standing(
        queue.ref,
        queue.policy.pool,
        queue.queue_length,
        queue.active_count,
        waits_for,
        queue.rate.next_at() if waits_for is WaitsFor.RATE_LIMIT and queue.rate is not None else None,
        closure(queue, emergency),
    )


def _waits_for(queue: ActionQueue, pool: WorkerPool | None, now: float) -> WaitsFor | None:
    """In the order in which an SRE has to remove the obstacles."""
    if not queue.queue_length:
        return None
    if queue.policy.admission is Admission.HOLD:
        return WaitsFor.ADMISSION
    if not queue.startable:
        return WaitsFor.CONCURRENCY
    if pool is None or not pool.slots:
        return WaitsFor.WORKER
    if queue.rate is not None and not queue.rate.available(now):
        return WaitsFor.RATE_LIMIT
    return WaitsFor.TURN if pool.room else WaitsFor.SLOT
