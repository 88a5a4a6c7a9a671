"""The broker's contract suite on the broker in memory."""

from collections.abc import Sequence

from attune_executor.adapters.memory.broker import MemoryBroker
from attune_executor.domain.records import Finished, Started
from attune_executor.domain.workers import Heartbeat
from attune_executor.ports.broker import Broker, Dispatch


class MemoryBrokerRig:
    """Implements `contract.broker_rig.BrokerRig`."""

    def __init__(self) -> None:
        self._broker = MemoryBroker()
        self._pool = ""

    def broker(self) -> Broker:
        return self._broker

    async def receive(self, pool: str, count: int) -> list[Dispatch]:
        return [self._broker.pools[pool].popleft() for _ in range(count)]

    async def report(
        self,
        *,
        started: Sequence[Started] = (),
        finished: Sequence[Finished] = (),
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self._broker.report(started, finished, heartbeat)

    async def listen(self, pool: str) -> None:
        self._pool = pool

    async def roll_called(self) -> bool:
        return self._broker.roll_calls > 0

    async def told_to_stop(self) -> list[tuple[int, int]]:
        return [(each.execution_id, each.attempt) for each in self._broker.cancelled if each.pool == self._pool]

    async def interrupt(self) -> None:
        self._broker.reconnect()

    async def close(self) -> None:
        await self._broker.stop()
