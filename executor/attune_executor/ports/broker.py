"""The way to the workers and back."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from attune_executor.domain.records import Finished, Started
from attune_executor.domain.workers import Heartbeat


class BrokerError(Exception):
    """The broker is away or refused a publish; what was not confirmed is to be published again."""


Confirmation: TypeAlias = Awaitable[None]
"""Returns once the broker has confirmed what was sent; raises BrokerError when it is not known to."""


class Dispatch(NamedTuple):
    """An execution on its way to a worker of ``pool``.

    Attributes:
        parameters: a JSON object in UTF-8.
        timeout_seconds: the worker stops a run that takes longer; None: it may take for ever.
        at_most_once: a worker does not run it when the broker delivers it again: it may have run before.
        expected_seconds: how long executions of this action take at present; None where that is not known.
    """

    execution_id: int
    action_ref: str
    attempt: int
    pool: str
    parameters: bytes
    timeout_seconds: float | None = None
    at_most_once: bool = False
    expected_seconds: float | None = None


class Cancel(NamedTuple):
    """Stop the execution, wherever in the pool it is: this attempt and earlier ones."""

    pool: str
    execution_id: int
    attempt: int


class DeliveryMark(NamedTuple):
    """Where a message stands in the stream of deliveries; void after a reconnect, when ``channel`` changes."""

    channel: int
    tag: int


@dataclass(frozen=True, slots=True)
class BrokerCondition:
    """How the connection is.

    Attributes:
        connected: whether it is up, and reports are consumed.
        since: since when that is so, in Unix seconds.
        refused: whether the broker is there and refuses what it is asked for.
        last_error: why the connection was last lost, or could not be opened; None: that never happened.
    """

    connected: bool
    since: float
    refused: bool
    last_error: str | None


class QueueDepth(NamedTuple):
    """A queue at the broker.

    Attributes:
        messages: that wait in it, those that were delivered and not acknowledged aside.
        consumers: who takes them.
    """

    name: str
    messages: int
    consumers: int


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What one message from a worker said.

    A worker's completions and heartbeats arrive in the order in which it sent them: what a heartbeat no longer names
    has been reported before it, or is lost.
    """

    mark: DeliveryMark
    started: Sequence[Started] = ()
    finished: Sequence[Finished] = ()
    heartbeat: Heartbeat | None = None


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

    async def send(self, dispatches: Sequence[Dispatch]) -> Confirmation:
        """Publish in this order, behind all that was sent before; returns what to await for the confirmation of all.

        Raises:
            BrokerError: at least one is not sent, or, from the confirmation, not confirmed; send all of them again.
        """
        ...

    async def call_roll(self) -> None:
        """Ask every worker of every pool for a heartbeat.

        Raises:
            BrokerError: not known to be sent.
        """

    async def cancel(self, cancels: Sequence[Cancel]) -> None:
        """Tell the workers that are connected now.

        Raises:
            BrokerError: not known to be sent; tell them again.
        """

    async def acknowledge(self, mark: DeliveryMark) -> None:
        """Acknowledge every report up to and including ``mark``; does nothing for a void mark."""
        ...

    @property
    def connected(self) -> bool:
        """Whether the connection is up now."""
        ...

    @property
    def condition(self) -> BrokerCondition:
        """The same, with its history."""
        ...

    async def depths(self) -> Sequence[QueueDepth]:
        """The queues of reports first, then those of the pools that were made to exist.

        Raises:
            BrokerError: the broker is away.
        """
        ...

    async def stop(self) -> None:
        """Stop consuming and close; unacknowledged reports will be delivered again to the next owner."""
        ...
