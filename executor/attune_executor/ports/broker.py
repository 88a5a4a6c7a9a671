"""The way to the workers and back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from attune_executor.domain.records import Finished, Started


class BrokerError(Exception):
    """The broker is away or refused a publish; what was not confirmed is to be published again."""


class Dispatch(NamedTuple):
    """An execution on its way to a worker of ``pool``; ``parameters`` is a JSON object in UTF-8."""

    execution_id: int
    action_ref: str
    attempt: int
    pool: str
    parameters: bytes


class DeliveryMark(NamedTuple):
    """Where a message stands in the stream of deliveries; void after a reconnect, when ``channel`` changes."""

    channel: int
    tag: int


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What one message from a worker said."""

    mark: DeliveryMark
    started: Sequence[Started]
    finished: Sequence[Finished]


class Broker(Protocol):
    """Dispatches to worker pools, reports from them. Reconnects by itself."""

    async def start(self, on_report: Callable[[WorkerReport], None]) -> None:
        """Connect, declare the topology and begin to consume reports; ``on_report`` is called on this loop.

        Reports arrive in the order of their marks. Delivery stops at a bound of unacknowledged messages.

        Raises:
            BrokerError: when the first connection fails.
        """

    async def ensure_pool(self, pool: str) -> None:
        """Make the pool's queue exist, so that a dispatch waits there for its first worker."""
        ...

    async def publish(self, dispatches: Sequence[Dispatch]) -> None:
        """Publish in this order and return once all are confirmed.

        Raises:
            BrokerError: at least one is not confirmed; publish all of them again.
        """

    async def acknowledge(self, mark: DeliveryMark) -> None:
        """Acknowledge every report up to and including ``mark``; does nothing for a void mark."""
        ...

    @property
    def connected(self) -> bool:
        """Whether the connection is up now."""
        ...

    async def stop(self) -> None:
        """Stop consuming and close; unacknowledged reports will be delivered again to the next owner."""
        ...
