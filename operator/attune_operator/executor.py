"""The executor as the operator sees it, and the thread that it runs in.

The executor has a loop of its own, so that a relist of a thousand policies on this side delays no turn on that one.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

import structlog
import uvloop

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.maintenance import MaintenanceRules
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.stats import QueueStats
from attune_executor.engine.views import EngineHealth
from attune_executor.ports.broker import BrokerError
from attune_executor.ports.journal import JournalError, Ownership

_log = structlog.get_logger("attune.operator")
_RETRY_SECONDS: Final = 2.0

T = TypeVar("T")


class ExecutorFacade(Protocol):
    """What the operator drives. All belongs to the executor's own loop, unless it says otherwise."""

    async def start(self) -> None:
        """Own the shard and serve."""
        ...

    async def wait(self) -> None:
        """Return when it has stopped; raises what stopped it."""
        ...

    async def stop(self) -> None:
        """Commit what is accepted and stop."""
        ...

    async def set_policy(self, ref: str, policy: QueuePolicy) -> None:
        """Put a policy in force."""
        ...

    async def remove_policy(self, ref: str) -> None:
        """Close an action; what waits drains."""
        ...

    async def set_emergency(self, emergency: Emergency | None) -> None:
        """Relax limits and close actions, or no longer; in force when this returns."""
        ...

    def limit_requests(self, per_minute: int | None) -> None:
        """Take so many submitting requests a minute; None for as many as come."""
        ...

    def set_maintenance(self, rules: MaintenanceRules) -> None:
        """Change what maintenance does, from its next task on."""
        ...

    def policies(self) -> Mapping[str, QueuePolicy]:
        """Policies in force by action."""
        ...

    def held_by_worker(self, pool: str) -> Mapping[str, int]:
        """Executions that each worker of a pool has; those that drain are left out."""
        ...

    def ownerships(self) -> Sequence[Ownership]:
        """The shards that it owns; from any thread."""
        ...

    def stats(self) -> Sequence[QueueStats]:
        """Every queue, as an immutable snapshot; from any thread."""
        ...

    def health(self) -> EngineHealth:
        """Whether it turns; from any thread."""
        ...

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called on the executor's loop when queues changed; before ``start``."""
        ...


class ExecutorThread:
    """Runs an executor on a loop and thread of its own, and crosses over to it.

    Args:
        create: makes an executor; called on its thread, again after a start that failed.
        on_change: called on the executor's thread when queues changed.

    Attributes:
        started: done when the executor serves; raises when it never will.
        finished: done when the executor has stopped; raises what stopped it.
    """

    def __init__(self, create: Callable[[], ExecutorFacade], on_change: Callable[[], None]) -> None:
        self._create = create
        self._on_change = on_change
        self._stopping: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor: ExecutorFacade | None = None
        self.started: Future[None] = Future()
        self.finished: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="executor", daemon=True)

    def start(self) -> None:
        """Begin; ``started`` tells when it serves. A database or broker that is away is waited for."""
        self._thread.start()

    async def stop(self) -> None:
        """Stop the executor and wait until it has; raises what it failed of."""
        if self._loop is not None and self._stopping is not None and not self.finished.done():
            # The loop may close of itself at this very moment.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)
        await asyncio.wrap_future(self.finished)

    async def set_policy(self, ref: str, policy: QueuePolicy) -> None:
        """Put a policy in force."""
        await self._cross(self._serving().set_policy(ref, policy))

    async def remove_policy(self, ref: str) -> None:
        """Close an action; what waits drains."""
        await self._cross(self._serving().remove_policy(ref))

    async def set_emergency(self, emergency: Emergency | None) -> None:
        """Relax limits and close actions, or no longer; in force when this returns."""
        await self._cross(self._serving().set_emergency(emergency))

    async def limit_requests(self, per_minute: int | None) -> None:
        """Take so many submitting requests a minute; None for as many as come."""

        async def limit() -> None:
            self._serving().limit_requests(per_minute)

        await self._cross(limit())

    async def set_maintenance(self, rules: MaintenanceRules) -> None:
        """Change what maintenance does, from its next task on."""

        async def change() -> None:
            self._serving().set_maintenance(rules)

        await self._cross(change())

    async def held_by_worker(self, pool: str) -> Mapping[str, int]:
        """Executions that each worker of a pool has; those that drain are left out."""

        async def read() -> Mapping[str, int]:
            return self._serving().held_by_worker(pool)

        return await self._cross(read())

    def ownerships(self) -> Sequence[Ownership]:
        """The shards that it owns."""
        return self._serving().ownerships()

    async def policies(self) -> Mapping[str, QueuePolicy]:
        """Policies in force by action."""

        async def read() -> Mapping[str, QueuePolicy]:
            return self._serving().policies()

        return await self._cross(read())

    def stats(self) -> Sequence[QueueStats]:
        """Every queue, as an immutable snapshot."""
        return self._serving().stats()

    def health(self) -> EngineHealth:
        """Whether it turns."""
        return self._serving().health()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._main())
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread is raised in the main one
            self.finished.set_exception(error)
            if not self.started.done():
                self.started.set_exception(error)
        else:
            self.finished.set_result(None)
            if not self.started.done():
                self.started.cancel()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = stopping = asyncio.Event()
        stopped = asyncio.create_task(stopping.wait())
        while not stopping.is_set():
            executor = self._create()
            executor.on_change(self._on_change)
            try:
                await executor.start()
            except (JournalError, BrokerError) as error:
                _log.warning("the executor cannot start yet", error=str(error))
                await executor.stop()
                await asyncio.wait({stopped}, timeout=_RETRY_SECONDS)
                continue
            self._executor = executor
            self.started.set_result(None)
            running = asyncio.create_task(executor.wait())
            try:
                await asyncio.wait({stopped, running}, return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    running.result()
            finally:
                running.cancel()
                await executor.stop()
            return

    async def _cross(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            raise RuntimeError("the executor's thread is not started")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def _serving(self) -> ExecutorFacade:
        if self._executor is None:
            raise RuntimeError("the executor is not started")
        return self._executor
