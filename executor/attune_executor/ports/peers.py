"""The other executors, asked for what only the owner of a shard can do."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from attune_executor.domain.execution import Ending
from attune_executor.domain.maintenance import Task, TaskReport
from attune_executor.domain.pool_size import PoolSize
from attune_executor.domain.purge import PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.stats import QueueStats
from attune_executor.domain.stuck import StuckExecution, StuckQuery
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.domain.throughput import Throughput
from attune_executor.ports.checkup import ExecutorCheckup


class Place(NamedTuple):
    """Where an execution waits: its position from 1 at the head, and the seconds until it is expected to start."""

    queue_position: int | None
    estimated_start_seconds: float | None


class QueuesThere(NamedTuple):
    """The queues of an executor's shards with what it measured of them, and the pools of workers that it knows."""

    by_shard: Mapping[int, Sequence[QueueStats]]
    pools: Mapping[str, PoolSize]


class PeerError(Exception):
    """The other executor did not answer, or is not the owner any more: its answer is unknown."""


class Peers(Protocol):
    """Executors by the URL of their API. What is asked of one is never passed on by it. All raise PeerError."""

    async def submit(self, url: str, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
        """Accept or refuse requests, in order, durably."""
        ...

    async def cancel(self, url: str, execution_id: int) -> Intervention:
        """Cancel an execution of a shard that is there."""
        ...

    async def complete(self, url: str, execution_id: int, ending: Ending) -> Intervention:
        """End an execution of a shard that is there, as ``ending`` says."""
        ...

    async def purge(self, url: str, order: PurgeOrder) -> PurgeReport | PurgeRefused | None:
        """Cancel what waits for an action of a shard that is there; None where the action is unknown."""
        ...

    async def stuck(self, url: str, query: StuckQuery, shards: Sequence[int]) -> Sequence[StuckExecution]:
        """Executions of shards that are there that nothing was heard of for long, the oldest first."""
        ...

    async def place(self, url: str, execution_id: int) -> Place:
        """Where an execution of a shard that is there waits."""
        ...

    async def queues(self, url: str, shards: Sequence[int]) -> QueuesThere:
        """The queues of those of these shards that are there."""
        ...

    async def checkup(self, url: str) -> ExecutorCheckup:
        """How it is with an executor and the shards that are there."""
        ...

    async def throughput(self, url: str, ref: str | None) -> Sequence[Throughput]:
        """What came and what ended in the shards that are there, of one action or of all."""
        ...

    async def maintenance(self, url: str) -> Sequence[TaskReport]:
        """How the tasks of maintenance stand that are done there."""
        ...

    async def run_maintenance(self, url: str, task: Task) -> TaskReport:
        """Have a task run there now, unless it is switched off."""
        ...
