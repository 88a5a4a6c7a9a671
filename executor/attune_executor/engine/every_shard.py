"""Ownership of all shards by one executor, from its start to its end: it is alone, or was chosen by someone else."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.maintenance import MaintenanceRules
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.sharding import shard_of
from attune_executor.engine.engine import Engine
from attune_executor.engine.local_shard import LocalShard, OpenShard
from attune_executor.engine.remote_queues import RemoteQueues
from attune_executor.ports.membership import Member


class EveryShard:
    """Takes all shards when it starts; what ends one of its engines ends them all."""

    def __init__(self, count: int, open_shard: OpenShard) -> None:
        self._count = count
        self._open = open_shard
        self._shards: list[LocalShard] = []
        self._running: list[asyncio.Task[None]] = []
        self.engines: dict[int, Engine] = {}
        """By shard, from the start on."""
        self.remote = RemoteQueues()
        """None: every queue is here."""

    async def start(self) -> None:
        """Take every shard over; returns once all engines turn. Raises what one of them failed of."""
        for number in range(self._count):
            shard = await self._open(number, None)
            self._shards.append(shard)
            self.engines[number] = shard.engine
            self._running.append(asyncio.create_task(shard.engine.run(), name=f"engine {number}"))
        for shard in self._shards:
            await self.during(shard.engine.started())

    async def during(self, step: Coroutine[Any, Any, None]) -> None:
        """Await ``step``, unless an engine ends before it; raises what that one failed of."""
        stepping = asyncio.create_task(step)
        try:
            done, _ = await asyncio.wait({*self._running, stepping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            stepping.cancel()

    async def wait(self) -> None:
        """Return when an engine has stopped; raises what stopped it."""
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Finish the turns, hand over what is confirmed, close everything."""
        for engine in self.engines.values():
            engine.stop()
        if self._running:
            # What went wrong with them is told by ``wait``; here everything is closed all the same.
            await asyncio.wait(self._running)
        for shard in self._shards:
            await shard.close()

    def owner_url(self, shard: int) -> str | None:
        """There is no other executor."""
        del shard

    def others(self) -> Mapping[Member, Sequence[int]]:
        """None."""
        return {}

    async def set_policy(self, ref: str, policy: QueuePolicy) -> None:
        """Declare an action's policy; in force when this returns."""
        await self._engine_of(ref).set_policy(ref, policy)

    async def remove_policy(self, ref: str) -> None:
        """Refuse new executions of the action."""
        await self._engine_of(ref).remove_policy(ref)

    async def set_emergency(self, emergency: Emergency | None) -> None:
        """Relax limits and close actions, or no longer; in force when this returns."""
        await asyncio.gather(*(engine.set_emergency(emergency) for engine in self.engines.values()))

    def set_maintenance(self, rules: MaintenanceRules) -> None:
        """Change what maintenance does."""
        for engine in self.engines.values():
            engine.set_maintenance(rules)

    def policies(self) -> Mapping[str, QueuePolicy]:
        """Declared policies by action."""
        return {ref: policy for engine in self.engines.values() for ref, policy in engine.policies().items()}

    def _engine_of(self, ref: str) -> Engine:
        if not self.engines:
            raise RuntimeError("the executor is not started")
        return self.engines[shard_of(ref, self._count)]
