"""A pool of workers as their heartbeats show it: how much it can take, and who is still there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Final

from attune_executor.domain.workers import Heartbeat

if TYPE_CHECKING:
    from attune_executor.domain.action_queue import ActionQueue

ROLL_CALLS_UNTIL_LOST: Final = 3
"""Unanswered roll calls after which a worker counts as lost."""

# What workers have at hand when a slot becomes free, so that they need not wait for the executor. It delays what is
# dispatched next by as much, which only short executions are worth.
_PREFETCH_SHARE: Final = 4
_PREFETCH_BELOW_SECONDS: Final = 0.5
_SMOOTHING: Final = 0.02


@dataclass(slots=True, eq=False)
class PoolWorker:
    """One worker, as it last announced itself."""

    name: str
    slots: int
    draining: bool
    held: frozenset[int]
    elsewhere: int = 0
    """What it holds for other shards, and attempts of ours that are given up."""
    leaving: set[int] = field(default_factory=set[int])
    """Where it drains: what it holds of this pool, in the attempt that is under way."""
    unanswered: int = 0

    @property
    def fresh(self) -> bool:
        """Whether it answered the last roll call, seen when the next one is being sent."""
        return self.unanswered <= 1


@dataclass(slots=True, eq=False)
class WorkerPool:
    """What is dispatched to a pool and not finished stays within the slots of its workers and a small prefetch."""

    name: str
    workers: dict[str, PoolWorker] = field(default_factory=dict[str, PoolWorker])
    in_flight: int = 0
    """Executions dispatched to the pool and not finished."""
    slots: int = 0
    """Of the workers that take executions."""
    leaving: set[int] = field(default_factory=set[int])
    """Executions of the pool that are with draining workers, in the attempt under way, and in nobody's way."""
    ready: "dict[ActionQueue, None]" = field(default_factory=dict["ActionQueue", None])
    """Queues of the pool with something to start, in turn."""
    shards: int = 1
    """Among how many the slots are divided."""
    elsewhere: int = 0
    """Executions that workers hold for the other shards."""
    recent_seconds: float | None = None
    """How long the pool's executions take at present, smoothed."""

    @property
    def room(self) -> int:
        """Executions that may be dispatched now; 0 without workers."""
        if not self.slots:
            return 0
        short = self.recent_seconds is not None and self.recent_seconds < _PREFETCH_BELOW_SECONDS
        slots = self.slots if self.shards == 1 else self._slots_of_this_shard()
        prefetch = max(1, slots // _PREFETCH_SHARE) if short else 0
        return max(0, slots + prefetch - self.in_flight + len(self.leaving))

    def _slots_of_this_shard(self) -> int:
        """An equal share, which nobody can take away, or more where the other shards leave it unused."""
        return max(ceil(self.slots / self.shards), self.slots - self.elsewhere)

    @property
    def idle_slots(self) -> int:
        """Slots for which the workers that answered the last roll call had nothing."""
        return sum(
            max(0, worker.slots - len(worker.held))
            for worker in self.workers.values()
            if worker.fresh and not worker.draining
        )

    def heard(self, heartbeat: Heartbeat, under_way: set[int]) -> None:
        """A worker answered; ``under_way`` are the executions that it holds in the attempt that holds a slot."""
        worker = PoolWorker(
            heartbeat.worker,
            heartbeat.slots,
            heartbeat.draining,
            frozenset(execution_id for execution_id, _ in heartbeat.held),
        )
        if self.shards > 1:
            worker.elsewhere = len(worker.held) - len(under_way)
        if worker.draining:
            worker.leaving = under_way
        self.workers[worker.name] = worker
        self._add_up()

    def call_roll(self) -> list[PoolWorker]:
        """Count a roll call that is being sent; returns the workers that have not answered the last ones, now lost."""
        lost: list[PoolWorker] = []
        for worker in list(self.workers.values()):
            worker.unanswered += 1
            if worker.unanswered > ROLL_CALLS_UNTIL_LOST:
                lost.append(worker)
                del self.workers[worker.name]
        if lost:
            self._add_up()
        return lost

    def held(self) -> Iterator[int]:
        """Executions that some worker holds."""
        for worker in self.workers.values():
            yield from worker.held

    def left(self, execution_id: int) -> None:
        """An execution is not in the pool any more, or there in another attempt."""
        if execution_id in self.leaving:
            self.leaving.discard(execution_id)
            for worker in self.workers.values():
                worker.leaving.discard(execution_id)

    def ran(self, seconds: float) -> None:
        """An execution took so long."""
        recent = self.recent_seconds
        self.recent_seconds = seconds if recent is None else recent + _SMOOTHING * (seconds - recent)

    def _add_up(self) -> None:
        taking = [worker for worker in self.workers.values() if not worker.draining]
        self.slots = sum(worker.slots for worker in taking)
        self.elsewhere = sum(worker.elsewhere for worker in taking)
        self.leaving = set[int]().union(*(worker.leaving for worker in self.workers.values()))
