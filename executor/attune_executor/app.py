"""The executor put together: the only place that knows which adapters stand behind the ports."""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import structlog

from attune_executor.adapters.clock import SystemClock
from attune_executor.adapters.postgres import (
    PostgresExecutionHistory,
    PostgresJournal,
    PostgresMaintenance,
    check_schema,
)
from attune_executor.adapters.rabbitmq import RabbitMQBroker, RequestIntake
from attune_executor.api.app import create_api
from attune_executor.api.rate_limit import SubmissionLimit
from attune_executor.api.server import ApiServer
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.maintenance import MaintenanceRules
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.stats import QueueStats
from attune_executor.engine.engine import Engine
from attune_executor.engine.maintenance import Maintenance
from attune_executor.engine.statistics import Statistics
from attune_executor.engine.views import EngineHealth
from attune_executor.settings import Settings

_log = structlog.get_logger("attune.executor")


class Executor:
    """An executor that owns its shard from ``start`` to ``stop``, with the API in front of it.

    Every method belongs to the loop that ran ``start``, except ``stats``, ``policies`` and ``health``.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._submissions = SubmissionLimit(settings.api.rate_limits.every_caller.per_minute)
        self._listeners: list[Callable[[], None]] = []
        self._journal: PostgresJournal | None = None
        self._maintenance: PostgresMaintenance | None = None
        self._history: PostgresExecutionHistory | None = None
        self._engine: Engine | None = None
        self._server: ApiServer | None = None
        self._running: asyncio.Task[None] | None = None
        self._intake: RequestIntake | None = None
        self._taking_in: asyncio.Task[None] | None = None

    async def start(self, before_serving: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Take the shard over and serve; returns once the engine turns and the API listens.

        Whether it succeeds or not, ``stop`` closes what was opened.

        Args:
            before_serving: awaited once the engine turns, before anybody can submit.

        Raises:
            JournalError: the database is away, or its schema is not this program's.
            BrokerError: the broker is away.
            OSError: the API's port is taken.
        """
        url = self._settings.database.url.get_secret_value()
        await check_schema(url)
        self._journal = journal = await PostgresJournal.open(url)
        options = self._settings.executor
        repository = journal.queue_stats() if options.queue.enable_metrics else None
        statistics = Statistics(self._clock, repository)
        for listener in self._listeners:
            statistics.on_change(listener)
        broker = RabbitMQBroker(
            self._settings.message_queue.url.get_secret_value(), queue_type=self._settings.message_queue.queue_type
        )
        owner = f"{socket.gethostname()}-{os.getpid()}"
        self._maintenance = await PostgresMaintenance.open(url, journal.fence)
        rules = MaintenanceRules(options.queue.enable_metrics, options.maintenance.execution_retention_days)
        maintenance = Maintenance(self._maintenance, self._clock, rules)
        self._engine = engine = Engine(owner, journal, broker, statistics, self._clock, maintenance=maintenance)
        self._running = asyncio.create_task(engine.run(), name="engine")
        await self._during_engine(self._running, engine.started())
        if before_serving is not None:
            await self._during_engine(self._running, before_serving())
        api = self._settings.api
        self._history = await PostgresExecutionHistory.open(url)
        self._server = ApiServer(create_api(engine, api, self._submissions, history=self._history), api.host, api.port)
        await self._server.start()
        self._intake = RequestIntake(
            self._settings.message_queue.url.get_secret_value(),
            engine,
            queue_type=self._settings.message_queue.queue_type,
            max_executions=api.max_batch,
            max_bytes=api.max_body_bytes,
        )
        await self._intake.start()
        self._taking_in = asyncio.create_task(self._intake.run(), name="intake")
        _log.info("executor serves", host=api.host, port=api.port)

    async def wait(self) -> None:
        """Return when the engine has stopped; raises what stopped it, FencedError for one."""
        if self._running is not None and self._taking_in is not None:
            done, _ = await asyncio.wait({self._running, self._taking_in}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def stop(self) -> None:
        """Refuse callers, finish the turn, hand over what is confirmed, close everything."""
        if self._server is not None:
            await self._server.stop()
        if self._taking_in is not None:
            self._taking_in.cancel()
            await asyncio.wait({self._taking_in})
        if self._intake is not None:
            await self._intake.stop()
        if self._engine is not None and self._running is not None:
            self._engine.stop()
            # What went wrong with it is told by ``wait``; here everything is closed all the same.
            await asyncio.wait({self._running})
        if self._history is not None:
            await self._history.close()
        if self._maintenance is not None:
            self._maintenance.close()
        if self._journal is not None:
            await self._journal.close()

    async def set_policy(self, ref: str, policy: QueuePolicy) -> None:
        """Declare an action's policy; in force when this returns."""
        await self._require().set_policy(ref, policy)

    async def remove_policy(self, ref: str) -> None:
        """Refuse new executions of the action; what waits drains under the last limit."""
        await self._require().remove_policy(ref)

    async def set_emergency(self, emergency: Emergency | None) -> None:
        """Relax limits and close actions, or no longer; in force when this returns."""
        await self._require().set_emergency(emergency)

    def limit_requests(self, per_minute: int | None) -> None:
        """Take so many submitting requests a minute; None for as many as come."""
        self._submissions.per_minute = per_minute

    def policies(self) -> Mapping[str, QueuePolicy]:
        """Declared policies by action."""
        return self._require().policies()

    def stats(self) -> Sequence[QueueStats]:
        """The latest picture of every queue."""
        return self._require().stats()

    def health(self) -> EngineHealth:
        """Whether the engine turns."""
        return self._require().health()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` on the executor's loop when queues changed; register before ``start``."""
        self._listeners.append(listener)

    @staticmethod
    async def _during_engine(running: asyncio.Task[None], step: Coroutine[Any, Any, None]) -> None:
        """Await ``step``, unless the engine ends before it; raises what the engine failed of."""
        stepping = asyncio.create_task(step)
        try:
            await asyncio.wait({running, stepping}, return_when=asyncio.FIRST_COMPLETED)
            (running if running.done() else stepping).result()
        finally:
            stepping.cancel()

    def _require(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("the executor is not started")
        return self._engine
