"""A connection to the broker that comes back by itself.

Everything that lives on a connection (channels, consumers, delivery tags) is made new with each one and dies with it:
that is a session. Anything that goes wrong with a session ends it whole, so that there is one way to recover and not
one for each part. aio-pika's own robust connection restores piece by piece and hides when delivery tags turn void.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.channel import Channel as UnderlyingChannel
from aiormq.connection import DEFAULT_PORTS
from yarl import URL

from attune_executor.amqp.errors import explanation, guarded, reason, refuses
from attune_executor.amqp.message_properties import tolerate_unreadable_properties
from attune_executor.amqp.topology import Exchanges, QueueType, declare
from attune_executor.backoff import Backoff
from attune_executor.credentials import CredentialsError, ServerUrl, current
from attune_executor.ports.broker import BrokerError
from attune_executor.vital import Vital

# 15 s: a broker that vanished without closing the connection is noticed within 45 s instead of three minutes.
_HEARTBEAT_SECONDS: Final = 15
_CONNECT_TIMEOUT_SECONDS: Final = 10
_CLOSE_TIMEOUT_SECONDS: Final = 5
_FIRST_DELAY_SECONDS: Final = 0.2
_LONGEST_DELAY_SECONDS: Final = 5.0

WINDOW: Final = 500
"""Messages of a session on their way at once: enough to hide the round trip, few enough to bound memory."""

_log: Final = structlog.get_logger("attune.broker")


@dataclass(eq=False)
class Session:
    """One connected period, numbered by ``generation``.

    Publishing and consuming have a connection each: a broker that is short of memory or disk stops reading from
    those that publish, and acknowledgements, which would relieve it, must not wait behind them.
    """

    generation: int
    consuming: AbstractChannel
    publishing: AbstractChannel
    deliveries: UnderlyingChannel
    """The consuming channel without the layer above it: messages and acknowledgements by the thousand."""
    publications: UnderlyingChannel
    """The publishing channel without the layer above it."""
    exchanges: Exchanges
    connections: tuple[AbstractConnection, AbstractConnection]
    on_end: Callable[[], None]
    window: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WINDOW))
    """Room for messages that are published and not confirmed."""
    lost: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Done with the reason once the session is over."""

    def end(self, reason: str) -> None:
        """Let the link close this session and open the next."""
        if not self.lost.done():
            self.lost.set_result(reason)
            self.on_end()


Prepare: TypeAlias = Callable[[Session], Awaitable[None]]


class Link:
    """Keeps a session open.

    Args:
        url: AMQP URL with the credentials, as it is now; never shown.
        name: shows in the connections' names at the broker.
        queue_type: for every queue that is declared on this link.

    Raises:
        BrokerError: a file with credentials cannot be read.
    """

    def __init__(self, url: ServerUrl, name: str, queue_type: QueueType) -> None:
        self._source = url
        try:
            self._url = URL(current(url))
        except CredentialsError as error:
            raise BrokerError(f"message_queue.{error}") from error
        self._name = name
        self.queue_type = queue_type
        self.vital = Vital()
        """Whether a session is open, and why not."""
        self.refused = False
        """Whether the broker was there when no session could be opened, and refused what one needs."""
        self._generation = 0
        self._session: Session | None = None
        self._up = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Where the broker is, without the credentials."""
        return f"{self._url.host}:{self._url.port or DEFAULT_PORTS[self._url.scheme]}"

    @property
    def session(self) -> Session | None:
        """The session that is open now."""
        return self._session if self._up.is_set() else None

    async def start(self, prepare: Prepare) -> None:
        """Open the first session.

        Args:
            prepare: declares what this program needs beyond the common topology and consumes, on every new session.

        Raises:
            BrokerError: when that fails; nothing is left running.
        """
        tolerate_unreadable_properties()
        session = await self._open(prepare)
        self._become(session)
        self._keeper = asyncio.create_task(self._keep(session, prepare), name=f"{self._name} link")

    async def stop(self) -> None:
        """Close; what is not acknowledged will be delivered again."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        if self._session is not None:
            self._session.end("stopped")
            await _close(self._session.connections)

    def require(self) -> Session:
        """The session that is open now.

        Raises:
            BrokerError: when none is.
        """
        session = self.session
        if session is None:
            raise BrokerError(f"not connected to the broker at {self.address}; reconnecting")
        return session

    async def connected(self) -> Session:
        """Wait for an open session."""
        while (session := self.session) is None:
            await self._up.wait()
        return session

    def _become(self, session: Session) -> None:
        self._session = session
        if not session.lost.done():
            self._up.set()
            self.refused = False
            self.vital.succeeded()

    async def _keep(self, session: Session, prepare: Prepare) -> None:
        while True:
            cause = await session.lost
            self.vital.failed(f"connection to the broker at {self.address} lost: {cause}")
            _log.warning("connection to the broker lost", broker=self.address, reason=cause)
            await _close(session.connections)
            # Spread out: all workers lose a broker at the same moment.
            backoff = Backoff(_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS)
            while True:
                await backoff.wait()
                try:
                    session = await self._open(prepare)
                except BrokerError as error:
                    self.vital.failed(str(error))
                    _log.warning("cannot connect to the broker", reason=str(error))
                else:
                    self._become(session)
                    _log.info("connected to the broker again", broker=self.address)
                    break

    async def _open(self, prepare: Prepare) -> Session:
        opened: list[AbstractConnection] = []
        try:
            return await guarded(self._open_session(prepare, opened))
        except BaseException as error:
            await _close(opened)
            if isinstance(error, BrokerError):
                self.refused = refuses(error)
                raise BrokerError(explanation(error, self.address, self._url.path.removeprefix("/") or "/")) from error
            raise

    async def _open_session(self, prepare: Prepare, opened: list[AbstractConnection]) -> Session:
        self._url = URL(current(self._source))
        consuming = await self._connect("consume", opened)
        publishing = await self._connect("publish", opened)
        consuming_channel, publishing_channel = await _channel(consuming), await _channel(publishing)
        self._generation += 1
        session = Session(
            generation=self._generation,
            consuming=consuming_channel,
            publishing=publishing_channel,
            deliveries=await _underlying(consuming_channel),
            publications=await _underlying(publishing_channel),
            exchanges=await declare(publishing_channel, self.queue_type),
            connections=(consuming, publishing),
            on_end=self._up.clear,
        )
        _watch(session)
        await prepare(session)
        return session

    async def _connect(self, purpose: str, opened: list[AbstractConnection]) -> AbstractConnection:
        options: dict[str, Any] = {} if "heartbeat" in self._url.query else {"heartbeat": _HEARTBEAT_SECONDS}
        connection = await aio_pika.connect(
            self._url,
            timeout=_CONNECT_TIMEOUT_SECONDS,
            client_properties={"connection_name": f"{self._name} {purpose}"},
            **options,
        )
        opened.append(connection)
        return connection


def _watch(session: Session) -> None:
    """End ``session`` with the first of its parts."""

    def over(_sender: object, error: BaseException | None) -> None:
        session.end(reason(error))

    for part in (*session.connections, session.consuming, session.publishing):
        part.close_callbacks.add(over)
    # As it does where the queue is deleted. To declare everything anew is the remedy for that too.
    session.deliveries.on_consumer_cancel_callbacks.add(
        lambda frame: session.end(f"the broker cancelled consumer {frame.consumer_tag}")
    )


async def _channel(connection: AbstractConnection) -> AbstractChannel:
    channel = connection.channel(publisher_confirms=True, on_return_raises=True)
    await channel.initialize()
    return channel


async def _underlying(channel: AbstractChannel) -> UnderlyingChannel:
    underlying = await channel.get_underlay_channel()
    if not isinstance(underlying, UnderlyingChannel):
        raise TypeError(f"aio-pika's channel stands on {type(underlying).__qualname__}, not on aiormq's own")
    return underlying


async def _close(connections: Iterable[AbstractConnection]) -> None:
    for connection in connections:
        # What is closed because it broke may fail to close, or hang; it is gone either way.
        with suppress(BrokerError):
            await guarded(asyncio.wait_for(connection.close(), _CLOSE_TIMEOUT_SECONDS))
