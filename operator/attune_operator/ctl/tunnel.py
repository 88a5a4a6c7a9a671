"""A way to a pod's port through the Kubernetes API, as `kubectl port-forward` makes one, but without kubectl.

It begins at a port of this machine alone. Each connection to it becomes a WebSocket of the subresource `portforward`: a
channel byte in front of every message, 0 for data and 1 for errors, and on each channel the port in two bytes first.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, Self

import aiohttp

from attune_operator.ctl.errors import CtlError, UnreachableError
from attune_operator.ctl.kubernetes_api import Kubernetes

LOOPBACK: Final = "127.0.0.1"
_PROTOCOL: Final = "v4.channel.k8s.io"
_DATA: Final = b"\x00"
_DATA_CHANNEL: Final = 0
_PORT_BYTES: Final = 2
_BLOCK: Final = 64 * 1024


class End(NamedTuple):
    """Where a connection ends."""

    namespace: str
    pod: str
    port: int

    def __str__(self) -> str:
        """For people."""
        return f"port {self.port} of Pod {self.namespace}/{self.pod}"


class Tunnel:
    """A port of this machine whose connections end at a pod's.

    Attributes:
        port: on the loopback address.
        problem: why the last connection could not be made, or broke; None while all is well.

    Args:
        find: says for every connection anew where it ends, so that the tunnel outlives the pod; may raise CtlError.
    """

    def __init__(self, kubernetes: Kubernetes, find: Callable[[], Awaitable[End]]) -> None:
        self.port = 0
        self.problem: CtlError | None = None
        self._kubernetes = kubernetes
        self._find = find
        self._connections: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, kubernetes: Kubernetes, find: Callable[[], Awaitable[End]]) -> AsyncGenerator[Self]:
        """Listen for as long as the context lasts."""
        tunnel = cls(kubernetes, find)
        async with await asyncio.start_server(tunnel._accept, LOOPBACK, 0) as server:
            tunnel.port = server.sockets[0].getsockname()[1]
            try:
                yield tunnel
            finally:
                await tunnel._end()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._carry(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _end(self) -> None:
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            end = await self._find()
            resource = f"/api/v1/namespaces/{end.namespace}/pods/{end.pod}/portforward"
            query = (("ports", str(end.port)),)
            async with self._kubernetes.websocket(f"reach {end}", resource, query, _PROTOCOL) as socket:
                self.problem = None
                up = asyncio.create_task(_send(reader, socket))
                try:
                    await _receive(socket, writer)
                finally:
                    up.cancel()
        except CtlError as error:
            self.problem = error
        except (aiohttp.ClientError, OSError) as error:
            self.problem = UnreachableError(f"the connection to the executor broke: {error}")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _receive(socket: aiohttp.ClientWebSocketResponse, writer: asyncio.StreamWriter) -> None:
    announced: set[int] = set()
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        channel, content = message.data[0], message.data[1:]
        if channel not in announced:
            announced.add(channel)
            content = content[_PORT_BYTES:]
        if channel != _DATA_CHANNEL and content:
            raise UnreachableError(f"the executor's pod: {content.decode(errors='replace').strip()}")
        if content:
            writer.write(content)
            await writer.drain()


async def _send(reader: asyncio.StreamReader, socket: aiohttp.ClientWebSocketResponse) -> None:
    # Where the other end is gone, whoever reads from it says so.
    with contextlib.suppress(aiohttp.ClientError, OSError):
        while block := await reader.read(_BLOCK):
            await socket.send_bytes(_DATA + block)
        await socket.close()
