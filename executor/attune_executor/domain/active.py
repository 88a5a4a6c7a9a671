"""An execution that holds a slot, and when it counts as lost."""

from dataclasses import dataclass
from typing import Final

from attune_executor.domain.action_queue import ActionQueue, Group
from attune_executor.domain.worker_pool import ROLL_CALLS_UNTIL_LOST, WorkerPool

MAX_WORKERS_LOST: Final = 5
"""Workers that one execution may take down with it; then it fails, or it would go through all of them for ever."""


_UNCONFIRMED_UNTIL_LOST: Final = 2


@dataclass(slots=True, eq=False)
class Active:
    """A slot in use.

    Attributes:
        attempt: of the latest dispatch, from 1.
        failures: runs that did not succeed.
        confirmed: whether its dispatch is known to have reached the broker, or the worker.
        since: when it was dispatched, or started, or taken over from an earlier owner, in Unix seconds.
        updated: the same, but that taking over is no sign of life.
        cancel_at: when it was first to be stopped.
        retry_at: when it is dispatched again; None while it is with the broker or a worker.
        missing: roll calls in a row after which nobody held it though someone should.
    """

    queue: ActionQueue
    group: Group
    pool: WorkerPool
    attempt: int
    since: float
    updated: float
    failures: int = 0
    started: bool = False
    worker: str | None = None
    confirmed: bool = True
    cancel_at: float | None = None
    retry_at: float | None = None
    missing: int = 0

    @property
    def workers_lost(self) -> int:
        """Attempts that neither succeeded nor failed."""
        return self.attempt - 1 - self.failures

    def hangs(self, now: float, grace_seconds: float) -> bool:
        """Whether it runs for so much longer than it may that its worker must be hung."""
        timeout = self.queue.policy.execution_timeout_seconds
        return self.started and timeout is not None and now - self.since > timeout + grace_seconds

    @property
    def left_behind(self) -> bool:
        """Whether its policy names another pool by now, and nobody takes from the one that it was dispatched to."""
        return self.pool.name != self.queue.policy.pool and not self.pool.slots

    def is_lost(self, now: float, scheduled_timeout_seconds: float) -> bool:
        """Whether to give it up as lost, at a roll call at which no worker held it.

        Evidence is that its worker answers without naming it, that workers of its pool have idle slots, to which the
        broker would have delivered it, or that it was left behind, so that no worker will take it. Without evidence it
        may wait in the broker, and nothing is lost.
        """
        worker = self.pool.workers.get(self.worker) if self.worker is not None else None
        if not ((self.pool.idle_slots or self.left_behind) if worker is None else worker.fresh):
            return False
        self.missing += 1
        if not self.confirmed:
            return self.missing >= _UNCONFIRMED_UNTIL_LOST
        if self.missing < ROLL_CALLS_UNTIL_LOST:
            return False
        return self.started or self.left_behind or now - self.since >= scheduled_timeout_seconds
