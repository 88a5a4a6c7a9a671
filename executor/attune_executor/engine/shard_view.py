"""What can be seen of a shard's queues: nothing here changes anything, or waits for a turn."""

import asyncio
from collections.abc import Sequence
from typing import Final

from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.pool_size import PoolSize
from attune_executor.domain.stats import QueueStats
from attune_executor.domain.stuck import StuckExecution, StuckQuery
from attune_executor.domain.throughput import Throughput, throughput
from attune_executor.engine.completion_listener import CompletionListener
from attune_executor.engine.dispatcher import Dispatcher
from attune_executor.engine.statistics import Statistics
from attune_executor.engine.turn_loop import TurnLoop
from attune_executor.engine.views import EngineHealth, ExecutionView, UnavailableError
from attune_executor.ports.broker import Broker, BrokerError
from attune_executor.ports.checkup import Checkup, Component, PoolView
from attune_executor.ports.clock import Clock
from attune_executor.ports.journal import StoredExecution

_SUMMED_AT_ONCE: Final = 50
"""Queues whose minutes are summed before turns come again: some milliseconds' worth."""


class ShardView:
    """A shard as callers see it. To be used from the engine's loop, except for ``stats`` and ``health``.

    Args:
        roll_call_seconds: how often workers are asked who is there.
    """

    def __init__(
        self,
        loop: TurnLoop,
        statistics: Statistics,
        dispatcher: Dispatcher,
        listener: CompletionListener,
        broker: Broker,
        clock: Clock,
        roll_call_seconds: float,
    ) -> None:
        self._loop = loop
        self._statistics = statistics
        self._dispatcher = dispatcher
        self._listener = listener
        self._broker = broker
        self._clock = clock
        self._roll_call_seconds = roll_call_seconds

    async def stuck(self, query: StuckQuery) -> Sequence[StuckExecution]:
        """Executions that hold a slot and that nothing was heard of for long, the oldest first, as they are now.

        Raises:
            UnavailableError: the queues are being rebuilt.
        """
        if not self._loop.serving:
            raise UnavailableError(self._loop.detail)
        return self._loop.manager.stuck(query, self._clock.now())

    def policies(self) -> dict[str, QueuePolicy]:
        """Declared policies by action."""
        return {queue.ref: queue.policy for queue in self._loop.manager.queues() if queue.governed}

    def stats(self) -> Sequence[QueueStats]:
        """The latest picture of every queue, at most a fraction of a second old."""
        return tuple(self._statistics.snapshot.values())

    def stats_of(self, ref: str) -> QueueStats | None:
        """One queue as it is now, the turn under way included; None where the action is unknown.

        While nothing can be committed: as it last was.
        """
        if not self._loop.serving:
            return self._statistics.snapshot.get(ref)
        queue = self._loop.manager.queue(ref)
        return None if queue is None else queue.stats(self._clock.now())

    async def throughput(self, ref: str | None = None) -> Sequence[Throughput]:
        """What came and what ended in the last hour, of one action or of all; nothing where the action is unknown."""
        manager = self._loop.manager
        queues = list(manager.queues()) if ref is None else [queue for queue in (manager.queue(ref),) if queue]
        found: list[Throughput] = []
        for number, queue in enumerate(queues, start=1):
            found.append(throughput(queue, self._clock.now()))
            if number % _SUMMED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return found

    def held_by_worker(self, pool: str) -> dict[str, int]:
        """Executions of this shard that each worker of a pool has; those that drain are left out."""
        return self._loop.manager.held_by_worker(pool)

    def pools(self) -> dict[str, PoolSize]:
        """The pools of workers that anybody spoke of, by name."""
        return {
            pool.name: PoolSize(
                workers=sum(not worker.draining for worker in pool.workers.values()),
                draining=sum(worker.draining for worker in pool.workers.values()),
                slots=pool.slots,
                held=sum(len(worker.held) for worker in pool.workers.values()),
            )
            for pool in self._loop.manager.pools()
        }

    def view(self, stored: StoredExecution) -> ExecutionView:
        """An execution as it was just read from the journal, with its place in the queue while it waits."""
        queue = self._loop.manager.queue_of(stored.action_id)
        if queue is None:
            return ExecutionView(stored, None, None)
        position = queue.position(stored.group_key, stored.queue_order)
        if position == 0:
            return ExecutionView(stored, None, None)
        slots = next((pool.slots for pool in self._loop.manager.pools() if pool.name == queue.policy.pool), None)
        return ExecutionView(stored, position, queue.estimated_wait_seconds(position, self._clock.now(), slots))

    def health(self) -> EngineHealth:
        """Whether the engine turns."""
        return EngineHealth(
            self._loop.serving, self._loop.last_turn_age_seconds, self._broker.connected, self._loop.detail
        )

    async def checkup(self) -> Checkup:
        """Every part's signs of life, the workers, and why each queue waits."""
        try:
            depths = await self._broker.depths()
        except BrokerError:
            # What is wrong with it is in its condition.
            depths = None
        manager, now = self._loop.manager, self._clock.now()
        return Checkup(
            serving=self._loop.serving,
            detail=self._loop.detail,
            last_turn_age_seconds=self._loop.last_turn_age_seconds,
            roll_call_seconds=self._roll_call_seconds,
            components=self._components(),
            reports=self._listener.backlog,
            depths=depths,
            pools=[PoolView.of(pool) for pool in manager.pools()],
            standings=list(manager.standings(now)),
        )

    def _components(self) -> list[Component]:
        broker, reported = self._broker.condition, self._listener.last_report_at
        # A broker that is there and refuses is no broker that is away: it is the listener that cannot listen.
        there = broker.connected or broker.refused
        return [
            Component("broker", there, broker.since, None, broker.last_error),
            Component("completion_listener", broker.connected, broker.since, reported, broker.last_error),
            Component.of("dispatcher", self._dispatcher.vital),
            Component.of("statistics", self._statistics.vital),
        ]
