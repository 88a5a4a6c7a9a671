"""Where actions run that must be stoppable: processes that are killed, with all that they started.

Each is a Python of its own, started afresh rather than forked: a copy of a process with threads and a loop is not safe
to run anything in. It runs one execution at a time and is kept for the next; starting one takes most of a second.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from msgspec import msgpack

from attune_executor.observability import LogSettings
from attune_executor.worker.child_handle import Child, ChildError
from attune_executor.worker.child_program import Answer, Call, Hello
from attune_executor.worker.outcome import Outcome, failure

_IDLE_SECONDS: Final = 300.0
# Beside the result: the status and the lengths.
_ANSWER_OVERHEAD_BYTES: Final = 1024
_ANSWER_LEAST_BYTES: Final = 1024 * 1024

_log: Final = structlog.get_logger("attune.worker")


class ActionProcesses:
    """As many processes as executions need at once, and those that did lately.

    Args:
        max_result_bytes: the most JSON that an action may return.
        log: how they log.
    """

    def __init__(self, max_result_bytes: int, log: LogSettings) -> None:
        self._hello = msgpack.encode(Hello(max_result_bytes, log.level, log.format))
        self._max_answer_bytes = max(max_result_bytes, _ANSWER_LEAST_BYTES) + _ANSWER_OVERHEAD_BYTES
        self._idle: list[Child] = []
        self._preparing: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._closed = False

    def prepare(self) -> None:
        """Start one ahead of need, where none is idle."""
        if not self._idle and self._preparing is None and not self._closed:
            self._preparing = asyncio.create_task(self._prepare())

    async def run(self, execution_id: int, ref: str, parameters: bytes, on_begin: Callable[[], None]) -> Outcome:
        """Run the action ``ref``, calling ``on_begin`` before; a cancelled caller kills it."""
        child = await self._take()
        answer: Answer | None = None
        try:
            await child.ready(self._hello)
            on_begin()
            answer = await child.call(Call(execution_id, ref, parameters), self._max_answer_bytes)
            return Outcome(answer.status, answer.result)
        except ChildError as error:
            return failure(f"{ref} failed: {await child.cause(error)}")
        finally:
            if answer is not None:
                self._keep(child)
            else:
                await child.kill()
                self.prepare()

    async def close(self) -> None:
        """End those that are idle."""
        self._closed = True
        if self._preparing is not None:
            self._preparing.cancel()
            await asyncio.wait({self._preparing})
        while self._idle:
            await self._idle.pop().retire()

    async def _take(self) -> Child:
        if not self._idle and self._preparing is not None:
            await asyncio.wait({self._preparing})
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            await child.retire()
        return Child()

    async def _prepare(self) -> None:
        child = Child()
        try:
            await child.ready(self._hello)
        except ChildError as error:
            _log.warning("no process for actions could be started yet", reason=await child.cause(error))
            await child.kill()
        except asyncio.CancelledError:
            await child.kill()
            raise
        else:
            self._keep(child)
        finally:
            self._preparing = None

    def _keep(self, child: Child) -> None:
        self._idle.append(child)
        asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._retire, child, child.calls)

    def _retire(self, child: Child, calls: int) -> None:
        if child in self._idle and child.calls == calls:
            self._idle.remove(child)
            retiring = asyncio.create_task(child.retire())
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)
