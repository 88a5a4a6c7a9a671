"""What the contract suite of the broker needs of a world around the broker under test."""

from collections.abc import Sequence
from typing import Protocol

from attune_executor.domain.records import Finished, Started
from attune_executor.domain.workers import Heartbeat
from attune_executor.ports.broker import Broker, Dispatch


class BrokerRig(Protocol):
    """One broker's world, seen from the executor's side and from the workers'."""

    def broker(self) -> Broker:
        """A broker adapter of this world, not started: each call is the next owner; stop the last one first."""
        ...

    async def receive(self, pool: str, count: int) -> list[Dispatch]:
        """As a worker of the pool, take ``count`` executions, in the order in which they come."""
        ...

    async def report(
        self,
        *,
        started: Sequence[Started] = (),
        finished: Sequence[Finished] = (),
        heartbeat: Heartbeat | None = None,
    ) -> None:
        """As a worker, report one of the three."""
        ...

    async def listen(self, pool: str) -> None:
        """As a worker of the pool, listen to what the executor tells its workers from now on."""
        ...

    async def roll_called(self) -> bool:
        """Whether the next that the listener hears is a roll call."""
        ...

    async def told_to_stop(self) -> list[tuple[int, int]]:
        """The (execution id, attempt) that the listener is told to stop next."""
        ...

    async def interrupt(self) -> None:
        """Cut every connection of the broker under test; it may connect again at once."""
        ...

    async def close(self) -> None:
        """Leave the world."""
        ...
