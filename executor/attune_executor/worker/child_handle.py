"""One process that runs actions, as the worker sees it."""

import asyncio
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Final

from msgspec import msgpack

from attune_executor.worker.child_program import HEADER_BYTES, Answer, Call, framed
from attune_executor.worker.environment import for_actions

_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 10.0


class ChildError(Exception):
    """A process ended, or said something that it must not."""


class Child:
    """One process; nothing is started before `ready`."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.calls = 0

    @property
    def alive(self) -> bool:
        """Whether it has not ended.

        Its end of the socket is asked, as the kernel closes that before anybody can see the process gone; the exit
        code arrives some turns of the loop later.
        """
        if self._writer is None or not self._running:
            return False
        connection = select.poll()
        connection.register(self._writer.get_extra_info("socket"), 0)
        return not connection.poll(0)

    @property
    def _running(self) -> bool:
        """Whether it was started, and its exit code has not arrived."""
        return self._process is not None and self._process.returncode is None

    async def ready(self, hello: bytes) -> None:
        """Start it unless it runs, and wait until it can run actions."""
        if self._process is not None:
            return
        ours, theirs = socket.socketpair()
        try:
            self._reader, self._writer = await asyncio.open_connection(sock=ours)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", "attune_executor.worker.child_program", str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=for_actions(),
                start_new_session=True,
            )
        except OSError as error:
            raise ChildError(f"no process could be started for it: {error}") from error
        finally:
            theirs.close()
        self._writer.write(framed(hello))
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._read(0)
        except TimeoutError as error:
            raise ChildError(f"the process for it was not ready within {_START_SECONDS:g} s") from error

    async def call(self, call: Call, max_bytes: int) -> Answer:
        """Run an action."""
        if self._writer is None:
            raise RuntimeError("call before ready")
        self.calls += 1
        self._writer.write(framed(msgpack.encode(call)))
        return msgpack.decode(await self._read(max_bytes), type=Answer)

    async def cause(self, error: ChildError) -> str:
        """What became of it, in words."""
        if self._process is None or error.args:
            return str(error)
        try:
            async with asyncio.timeout(_END_SECONDS):
                code = await self._process.wait()
        except TimeoutError:
            return "its process closed the connection to the worker"
        if code < 0:
            name = signal.Signals(-code).name
            hint = "; was it out of memory?" if -code == signal.SIGKILL else ""
            return f"its process was killed by {name}{hint}"
        return f"its process ended with exit code {code}"

    async def kill(self) -> None:
        """Kill it and all that it started, also where it has just ended, and wait until it is gone."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._gone()

    async def retire(self) -> None:
        """Kill it if it is still there: one that ended a while ago may have left its number to another."""
        if self._running:
            await self.kill()
        else:
            await self._gone()

    async def _gone(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._process is not None:
            await self._process.wait()

    async def _read(self, max_bytes: int) -> bytes:
        if self._reader is None:
            raise RuntimeError("read before ready")
        try:
            length = int.from_bytes(await self._reader.readexactly(HEADER_BYTES), "big")
            if length > max_bytes:
                raise ChildError(f"its process answered with {length} bytes, more than {max_bytes}")
            return await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise ChildError from error
