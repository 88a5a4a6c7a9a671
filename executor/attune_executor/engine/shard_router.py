"""All shards as one: callers may ask any executor, whichever of them owns the shard of an action.

What belongs to a shard of this executor goes to its engine, the rest to the owners' executors. Those never pass it on:
where an owner has just changed, the caller is told to try again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from attune_executor.domain.execution import TERMINAL, Ending, ExecutionStatus
from attune_executor.domain.maintenance import MAINTAINING_SHARD, Task, TaskReport
from attune_executor.domain.purge import PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.sharding import shard_of
from attune_executor.domain.stats import QueueStats
from attune_executor.domain.stuck import StuckExecution, StuckQuery, oldest
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.domain.throughput import Throughput
from attune_executor.engine.engine import Engine
from attune_executor.engine.shards_here import Shards, ShardsHere, changing_owner, end_at, submitted_in_parts
from attune_executor.engine.views import EngineHealth, ExecutionView, UnavailableError
from attune_executor.ports.checkup import ExecutorCheckup, FleetCheckup, SilentExecutor
from attune_executor.ports.journal import StoredExecution
from attune_executor.ports.membership import Member
from attune_executor.ports.peers import PeerError, Peers

_Answer = TypeVar("_Answer")


class ShardRouter:
    """The engine of all shards, as the API and the intake see it.

    Args:
        find: looks an execution up in the database, whatever its shard; raises JournalError.
        examine: looks into this executor.
    """

    def __init__(
        self,
        count: int,
        shards: Shards,
        peers: Peers,
        find: Callable[[int], Awaitable[StoredExecution | None]],
        examine: Callable[[], Awaitable[ExecutorCheckup]],
    ) -> None:
        self._count = count
        self._shards = shards
        self._peers = peers
        self.here = ShardsHere(count, shards, find, examine)
        """What belongs to this executor, for the others to ask."""

    async def submit(self, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
        """Accept or refuse requests, in order; what is accepted is durable when this returns.

        Raises:
            UnavailableError: not all are known to be accepted; retry with the same idempotency keys.
        """
        return await submitted_in_parts(requests, self._where_is, self._submit_to)

    async def _submit_to(
        self, where: Engine | str, requests: Sequence[ExecutionRequest]
    ) -> Sequence[Receipt | Refusal]:
        if isinstance(where, Engine):
            return await where.submit(requests)
        return await _asked(self._peers.submit(where, requests))

    async def cancel(self, execution_id: int) -> Intervention:
        """Keep an execution from running, or have its worker stop it; durable when this returns.

        Raises:
            UnavailableError: not known to be cancelled; try again.
        """
        return await self._end(execution_id, None)

    async def complete(self, execution_id: int, ending: Ending) -> Intervention:
        """End an execution as an operator says, without waiting for its worker; durable when this returns.

        Raises:
            UnavailableError: not known to have ended; try again.
        """
        return await self._end(execution_id, ending)

    async def _end(self, execution_id: int, ending: Ending | None) -> Intervention:
        stored = await self.here.find(execution_id)
        if stored is None:
            return Intervention.UNKNOWN
        if stored.status in TERMINAL:
            return Intervention.ENDED
        where = self._where_is(stored.action_ref)
        if isinstance(where, Engine):
            return await end_at(where, execution_id, ending)
        if ending is None:
            return await _asked(self._peers.cancel(where, execution_id))
        return await _asked(self._peers.complete(where, execution_id, ending))

    async def purge(self, order: PurgeOrder) -> PurgeReport | PurgeRefused | None:
        """Cancel what waits for an action, and nothing that runs; durable when this returns. None: unknown action.

        Raises:
            UnavailableError: some may be cancelled, the others wait on; look, and ask again.
        """
        where = self._where_is(order.action_ref)
        if isinstance(where, Engine):
            return await where.purge(order)
        return await _asked(self._peers.purge(where, order))

    async def stuck(self, query: StuckQuery) -> Sequence[StuckExecution]:
        """Executions that hold a slot and that nothing was heard of for long, the oldest first, of every shard.

        Raises:
            UnavailableError: not every owner that may know of some answers.
        """
        asked = range(self._count) if query.action_ref is None else [shard_of(query.action_ref, self._count)]
        parts: dict[Engine | str, list[int]] = {}
        for shard in asked:
            parts.setdefault(self._where(shard), []).append(shard)
        answers = await asyncio.gather(
            *(
                where.stuck(query) if isinstance(where, Engine) else _asked(self._peers.stuck(where, query, shards))
                for where, shards in parts.items()
            )
        )
        return oldest((each for answer in answers for each in answer), query.limit)

    async def execution(self, execution_id: int) -> ExecutionView | None:
        """One execution; its place in the queue is left out while nobody who can tell is reached.

        Raises:
            UnavailableError: the database is away.
        """
        stored = await self.here.find(execution_id)
        if stored is None:
            return None
        shard = shard_of(stored.action_ref, self._count)
        engine = self._shards.engines.get(shard)
        if engine is not None:
            return engine.view(stored)
        url = self._shards.owner_url(shard)
        if url is None or stored.status is not ExecutionStatus.REQUESTED:
            return ExecutionView(stored, None, None)
        try:
            place = await self._peers.place(url, execution_id)
        except PeerError:
            return ExecutionView(stored, None, None)
        return ExecutionView(stored, *place)

    def stats(self) -> Sequence[QueueStats]:
        """Every queue: those that are here a fraction of a second old, the others about one."""
        here = {each.action_ref: each for engine in self._shards.engines.values() for each in engine.stats()}
        return tuple({**self._shards.remote.stats, **here}.values())

    def stats_of(self, ref: str) -> QueueStats | None:
        """One queue; None where the action is unknown."""
        engine = self._shards.engines.get(shard_of(ref, self._count))
        return self._shards.remote.stats.get(ref) if engine is None else engine.stats_of(ref)

    async def throughput(self, ref: str | None = None) -> Sequence[Throughput]:
        """What came and what ended in the last hour, of one action or of all; nothing where the action is unknown.

        Raises:
            UnavailableError: an executor that knows does not answer.
        """
        shards = range(self._count) if ref is None else [shard_of(ref, self._count)]
        owners = dict.fromkeys(self._where(shard) for shard in shards)
        answers = await asyncio.gather(*(self._throughput_at(where, ref) for where in owners))
        return [each for answer in answers for each in answer]

    async def _throughput_at(self, where: Engine | str, ref: str | None) -> Sequence[Throughput]:
        if isinstance(where, Engine):
            return await where.throughput(ref)
        return await _asked(self._peers.throughput(where, ref))

    async def maintenance(self) -> Sequence[TaskReport]:
        """How the tasks of maintenance stand.

        Raises:
            UnavailableError: the executor that does them does not answer.
        """
        where = self._where(MAINTAINING_SHARD)
        return where.tasks() if isinstance(where, Engine) else await _asked(self._peers.maintenance(where))

    async def run_maintenance(self, task: Task) -> TaskReport:
        """Have a task run now, unless it is switched off; returns how it stands then; raises UnavailableError."""
        where = self._where(MAINTAINING_SHARD)
        if isinstance(where, Engine):
            return await where.run_maintenance(task)
        return await _asked(self._peers.run_maintenance(where, task))

    def health(self) -> EngineHealth:
        """Whether any engine turns that is here; without one this executor still passes on what it is asked."""
        states = {number: engine.health() for number, engine in sorted(self._shards.engines.items())}
        serving = [number for number, state in states.items() if state.serving]
        troubles = [f"shard {number}: {state.detail}" for number, state in states.items() if not state.serving]
        which = ", ".join(map(str, serving)) or "no"
        return EngineHealth(
            serving=bool(serving) or not states,
            last_turn_age_seconds=max((state.last_turn_age_seconds for state in states.values()), default=0.0),
            broker_connected=all(state.broker_connected for state in states.values()),
            detail="; ".join([f"serving {which} of {self._count} shards", *troubles]),
        )

    async def checkup(self) -> FleetCheckup:
        """How it is with this executor and with all others; one that does not answer is named."""
        others = self._shards.others()
        here = await self.here.checkup()
        told = await asyncio.gather(*(self._checkup_at(member, shards) for member, shards in others.items()))
        answered = [here, *(each for each in told if isinstance(each, ExecutorCheckup))]
        silent = [each for each in told if isinstance(each, SilentExecutor)]
        return FleetCheckup(self._count, answered, silent)

    async def _checkup_at(self, member: Member, shards: Sequence[int]) -> ExecutorCheckup | SilentExecutor:
        try:
            return await self._peers.checkup(member.url)
        except PeerError as error:
            return SilentExecutor(member.name, member.url, shards, str(error))

    def _where_is(self, action_ref: str) -> Engine | str:
        return self._where(shard_of(action_ref, self._count))

    def _where(self, shard: int) -> Engine | str:
        where = self._shards.engines.get(shard) or self._shards.owner_url(shard)
        if where is None:
            raise changing_owner(shard)
        return where


async def _asked(answer: Awaitable[_Answer]) -> _Answer:
    try:
        return await answer
    except PeerError as error:
        raise UnavailableError(str(error)) from error
