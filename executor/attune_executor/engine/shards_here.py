"""The shards that are here, for the executors that have the others: what they ask is never passed on."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from attune_executor.domain.execution import Ending
from attune_executor.domain.maintenance import MAINTAINING_SHARD, Task, TaskReport
from attune_executor.domain.pool_size import as_known_best
from attune_executor.domain.purge import PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.sharding import shard_of
from attune_executor.domain.stuck import StuckExecution, StuckQuery, oldest
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.domain.throughput import Throughput
from attune_executor.engine.engine import Engine
from attune_executor.engine.remote_queues import RemoteQueues
from attune_executor.engine.views import UnavailableError
from attune_executor.ports.checkup import ExecutorCheckup
from attune_executor.ports.journal import JournalError, StoredExecution
from attune_executor.ports.membership import Member
from attune_executor.ports.peers import Place, QueuesThere

_Where = TypeVar("_Where")


class Shards(Protocol):
    """Which shards are here, and where the others are."""

    @property
    def engines(self) -> Mapping[int, Engine]:
        """Those that serve here."""
        ...

    @property
    def remote(self) -> RemoteQueues:
        """The queues of the others."""
        ...

    def others(self) -> Mapping[Member, Sequence[int]]:
        """The other executors, each with the shards that it owns."""
        ...

    def owner_url(self, shard: int) -> str | None:
        """The API of the executor that owns a shard, unless it is this one."""
        ...


class ShardsHere:
    """What this executor does for others. Where the shard is not here, every method raises UnavailableError.

    Args:
        count: shards in all.
        find: looks an execution up in the database, whatever its shard; raises JournalError.
        examine: looks into this executor.
    """

    def __init__(
        self,
        count: int,
        shards: Shards,
        find: Callable[[int], Awaitable[StoredExecution | None]],
        examine: Callable[[], Awaitable[ExecutorCheckup]],
    ) -> None:
        self._count = count
        self._shards = shards
        self._find = find
        self.checkup = examine
        """How it is with this executor."""

    async def find(self, execution_id: int) -> StoredExecution | None:
        """An execution as the database has it, whatever its shard.

        Raises:
            UnavailableError: the database is away.
        """
        try:
            return await self._find(execution_id)
        except JournalError as error:
            raise UnavailableError(str(error)) from error

    async def submit(self, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
        """Accept or refuse requests, in order; what is accepted is durable when this returns."""

        async def submit_to(engine: Engine, part: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
            return await engine.submit(part)

        return await submitted_in_parts(requests, self._engine_of, submit_to)

    async def end(self, execution_id: int, ending: Ending | None) -> Intervention:
        """Cancel an execution, or end it as ``ending`` says."""
        stored = await self.find(execution_id)
        if stored is None:
            return Intervention.UNKNOWN
        return await end_at(self._engine_of(stored.action_ref), execution_id, ending)

    async def purge(self, order: PurgeOrder) -> PurgeReport | PurgeRefused | None:
        """Cancel what waits for an action, and nothing that runs; None: unknown action."""
        return await self._engine_of(order.action_ref).purge(order)

    async def stuck(self, query: StuckQuery, shards: Sequence[int]) -> Sequence[StuckExecution]:
        """Executions of these shards that hold a slot and that nothing was heard of for long, the oldest first."""
        answers = [await self._engine(shard).stuck(query) for shard in shards]
        return oldest((each for answer in answers for each in answer), query.limit)

    async def place(self, execution_id: int) -> Place:
        """Where an execution waits."""
        stored = await self.find(execution_id)
        engine = None if stored is None else self._shards.engines.get(shard_of(stored.action_ref, self._count))
        if stored is None or engine is None:
            return Place(None, None)
        view = engine.view(stored)
        return Place(view.queue_position, view.estimated_start_seconds)

    async def queues(self, shards: Sequence[int]) -> QueuesThere:
        """The queues of those of these shards that are here; it waits for nothing."""
        engines = {number: engine for number, engine in self._shards.engines.items() if number in shards}
        pools = as_known_best(engine.pools() for engine in self._shards.engines.values())
        return QueuesThere({number: engine.stats() for number, engine in engines.items()}, pools)

    async def throughput(self, ref: str | None) -> Sequence[Throughput]:
        """What came and what ended in the last hour, of one action or of all that are here."""
        answers = [await engine.throughput(ref) for engine in list(self._shards.engines.values())]
        return [each for answer in answers for each in answer]

    async def maintenance(self) -> Sequence[TaskReport]:
        """How the tasks of maintenance stand."""
        return await self._engine(MAINTAINING_SHARD).maintenance()

    async def run_maintenance(self, task: Task) -> TaskReport:
        """Have a task run now, unless it is switched off; returns how it stands then."""
        return await self._engine(MAINTAINING_SHARD).run_maintenance(task)

    def _engine_of(self, action_ref: str) -> Engine:
        return self._engine(shard_of(action_ref, self._count))

    def _engine(self, shard: int) -> Engine:
        engine = self._shards.engines.get(shard)
        if engine is None:
            raise changing_owner(shard)
        return engine


async def submitted_in_parts(
    requests: Sequence[ExecutionRequest],
    where_is: Callable[[str], _Where],
    submit_to: Callable[[_Where, Sequence[ExecutionRequest]], Awaitable[Sequence[Receipt | Refusal]]],
) -> Sequence[Receipt | Refusal]:
    """Submit each request where its action is; what became of them, in order.

    Raises:
        UnavailableError: not all are known to be accepted.
    """
    parts: dict[_Where, list[int]] = {}
    for index, request in enumerate(requests):
        parts.setdefault(where_is(request.action_ref), []).append(index)
    if len(parts) == 1:
        return await submit_to(next(iter(parts)), requests)
    answers = await asyncio.gather(
        *(submit_to(where, [requests[index] for index in indices]) for where, indices in parts.items()),
        return_exceptions=True,
    )
    outcomes: dict[int, Receipt | Refusal] = {}
    for indices, answer in zip(parts.values(), answers, strict=True):
        if isinstance(answer, BaseException):
            raise answer
        outcomes.update(zip(indices, answer, strict=True))
    return [outcomes[index] for index in range(len(requests))]


async def end_at(engine: Engine, execution_id: int, ending: Ending | None) -> Intervention:
    """Cancel an execution of one of the engine's shards, or end it as ``ending`` says."""
    return await (engine.cancel(execution_id) if ending is None else engine.complete(execution_id, ending))


def changing_owner(shard: int) -> UnavailableError:
    """Nobody is known to have the shard now."""
    return UnavailableError(f"shard {shard} is changing its owner")
