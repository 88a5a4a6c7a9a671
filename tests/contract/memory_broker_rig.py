"""The broker's contract suite on the broker in memory."""

from collections.abc import Sequence

from attune_executor.adapters.memory.broker import MemoryBroker
from attune_executor.domain.records import Finished, Started
from attune_executor.ports.broker import Broker, Dispatch


class MemoryBrokerRig:
    """Implements `contract.broker_rig.BrokerRig`."""

    def __init__(self) -> None:
        self._broker = MemoryBroker()

    def broker(self) -> Broker:
        return self._broker

    async def receive(self, pool: str, count: int) -> list[Dispatch]:
        return [self._broker.pools[pool].popleft() for _ in range(count)]

    async def report(self, *, started: Sequence[Started] = (), finished: Sequence[Finished] = ()) -> None:
        self._broker.report(started, finished)

    async def interrupt(self) -> None:
        self._broker.reconnect()

    async def close(self) -> None:
        await self._broker.stop()
