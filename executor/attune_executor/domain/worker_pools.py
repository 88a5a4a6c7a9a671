"""All worker pools, and which of them each worker is in."""

from collections.abc import Iterator

from attune_executor.domain.worker_pool import WorkerPool
from attune_executor.domain.workers import Heartbeat


class WorkerPools:
    """Every worker pool that is used or announced itself."""

    def __init__(self) -> None:
        self._by_name: dict[str, WorkerPool] = {}
        self._of_worker: dict[str, str] = {}
        self._heard_at: dict[str, float] = {}
        self._shards = 1

    def __iter__(self) -> Iterator[WorkerPool]:
        return iter(self._by_name.values())

    def share(self, shards: int) -> None:
        """The workers run executions of so many shards; to be said before the first of them is heard."""
        self._shards = shards
        for pool in self:
            pool.shards = shards

    def named(self, name: str) -> WorkerPool:
        """The pool of this name, made where it is new."""
        pool = self._by_name.get(name)
        if pool is None:
            pool = self._by_name[name] = WorkerPool(name, shards=self._shards)
        return pool

    def known(self, name: str) -> WorkerPool | None:
        """The pool of this name, or None where nobody has spoken of it."""
        return self._by_name.get(name)

    def pool_of(self, worker: str) -> str | None:
        """Where a worker last said that it is; None where it never did, or is lost."""
        return self._of_worker.get(worker)

    def heard_at(self, worker: str) -> float | None:
        """When a worker last answered, in Unix seconds; None where it never did, or is lost."""
        return self._heard_at.get(worker)

    def heard(self, heartbeat: Heartbeat, under_way: set[int], now: float) -> None:
        """A worker answered; ``under_way`` are the executions that it holds in the attempt that holds a slot."""
        self._heard_at[heartbeat.worker] = now
        self._of_worker[heartbeat.worker] = heartbeat.pool
        self.named(heartbeat.pool).heard(heartbeat, under_way)

    def call_roll(self) -> None:
        """Count a roll call that is being sent: workers that have not answered the last ones are gone."""
        for pool in self:
            for worker in pool.call_roll():
                self._of_worker.pop(worker.name, None)
                self._heard_at.pop(worker.name, None)

    def held(self) -> set[int]:
        """Executions that some worker holds."""
        return {execution_id for pool in self for execution_id in pool.held()}
