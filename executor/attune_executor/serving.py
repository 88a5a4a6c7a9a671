"""What stands in front of the queues: the HTTP API, the intake from the broker, the check of their order."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import structlog
from prometheus_client.registry import Collector

from attune_executor.adapters.everybody_here import EverybodyHere
from attune_executor.adapters.postgres import PostgresExecutionHistory, PostgresGrowth
from attune_executor.adapters.rabbitmq import RequestIntake
from attune_executor.api.app import create_api
from attune_executor.api.certificate import ServedCertificate
from attune_executor.api.checkup import Examine
from attune_executor.api.live import LiveQueues
from attune_executor.api.loopback import LoopbackGate
from attune_executor.api.measured import MeasuredService
from attune_executor.api.peers import PeerGate
from attune_executor.api.rate_limit import SubmissionLimit
from attune_executor.api.server import ApiServer
from attune_executor.api.service import ExecutionService
from attune_executor.metrics.meter import ExecutorMeter
from attune_executor.metrics.order_check import OrderCheck
from attune_executor.ports.authorization import Authorizer
from attune_executor.ports.scaling_history import ScalingHistory
from attune_executor.settings import Settings

_log = structlog.get_logger("attune.executor")


class Public(NamedTuple):
    """Who may ask the API, and what it shows beside the queues.

    Attributes:
        authorizer: who may call.
        submissions: how many requests that submit are taken.
        scaling: decisions of who scales the workers, where somebody does.
        live: what those who watch are shown.
        meter: what this executor measures of itself.
        collectors: of the metrics that are shown.
        examine: looks into the executor for its health.
    """

    authorizer: Authorizer
    submissions: SubmissionLimit
    scaling: ScalingHistory | None
    live: LiveQueues
    meter: ExecutorMeter
    collectors: Sequence[Collector]
    examine: Examine


class Front:
    """Serves callers from ``start`` to ``stop``."""

    def __init__(self, settings: Settings, public: Public) -> None:
        self._settings = settings
        self._public = public
        self._opened = AsyncExitStack()
        self._taking_in: asyncio.Task[None] | None = None

    async def start(self, service: ExecutionService, peers: Mapping[str, Any] | None) -> None:
        """Listen; ``stop`` closes what was opened, whether this succeeds or not.

        Args:
            service: who answers.
            peers: what `PeerGate` needs, where other executors share the shards.

        Raises:
            JournalError: the database is away.
            BrokerError: the broker is away.
            OSError: the API's port is taken, or its certificate cannot be read.
        """
        settings, public = self._settings.api, self._public
        service = MeasuredService(service, public.meter)
        history = await PostgresExecutionHistory.open(self._settings.database.connection_url)
        self._opened.push_async_callback(history.close)
        growth = await PostgresGrowth.open(self._settings.database.connection_url)
        self._opened.push_async_callback(growth.close)
        api = create_api(
            service,
            settings,
            public.submissions,
            history=history,
            growth=growth,
            authorizer=public.authorizer,
            live=public.live,
            scaling=public.scaling,
            collectors=public.collectors,
            examine=public.examine,
        )
        if isinstance(public.authorizer, EverybodyHere):
            api.add_middleware(LoopbackGate)
        if peers is not None:
            api.add_middleware(PeerGate, max_body_bytes=settings.max_body_bytes, **peers)
        certificate = None if settings.tls is None else ServedCertificate(settings.tls)
        server = ApiServer(api, settings.host, settings.port, certificate)
        self._opened.push_async_callback(server.stop)
        await server.start()
        # Ended before the server is stopped, which waits for those who watch.
        self._opened.push_async_callback(_stop, asyncio.create_task(public.live.run(), name="live queues"))
        await self._take_in(service)
        checking = asyncio.create_task(OrderCheck(history.overtaken, public.meter).run(), name="order check")
        self._opened.push_async_callback(_stop, checking)
        _log.info("executor serves", host=settings.host, port=settings.port)

    async def during(self, working: asyncio.Task[None]) -> None:
        """Return when ``working`` is done, or the intake has ended; raises what ended it."""
        if self._taking_in is None:
            raise RuntimeError("nobody is served yet")
        done, _ = await asyncio.wait({working, self._taking_in}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Refuse callers, close everything."""
        await self._opened.aclose()

    async def _take_in(self, service: ExecutionService) -> None:
        intake = RequestIntake(
            self._settings.message_queue.connection_url,
            service,
            queue_type=self._settings.message_queue.queue_type,
            max_executions=self._settings.api.max_batch,
            max_bytes=self._settings.api.max_body_bytes,
        )
        self._opened.push_async_callback(intake.stop)
        await intake.start()
        self._taking_in = asyncio.create_task(intake.run(), name="intake")
        self._opened.push_async_callback(_stop, self._taking_in)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
