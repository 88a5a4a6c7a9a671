"""The executor put together: the only place that knows which adapters stand behind the ports."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import structlog
from prometheus_client.registry import Collector

from attune_executor.adapters.everybody_here import EverybodyHere
from attune_executor.adapters.postgres import check_schema
from attune_executor.adapters.token_file import FileAuthorizer
from attune_executor.api.live import Declared, LiveQueues
from attune_executor.api.rate_limit import SubmissionLimit
from attune_executor.api.service import ExecutionService
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.maintenance import MAINTAINING_SHARD, MaintenanceRules, TaskReport
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.pool_size import PoolSize, as_known_best
from attune_executor.domain.stats import QueueStats
from attune_executor.engine.every_shard import EveryShard
from attune_executor.engine.shared_shards import SharedShards
from attune_executor.engine.views import EngineHealth
from attune_executor.metrics.maintenance import MaintenanceCollector
from attune_executor.metrics.meter import ExecutorMeter
from attune_executor.ports.authorization import Authorizer
from attune_executor.ports.checkup import FleetCheckup
from attune_executor.ports.journal import Ownership
from attune_executor.ports.scaling_history import ScalingHistory
from attune_executor.serving import Front, Public
from attune_executor.settings import Settings
from attune_executor.sharing import Sharing

_log = structlog.get_logger("attune.executor")


class Executor:
    """An executor that owns its shards from ``start`` to ``stop``, with the API in front of them.

    Every method belongs to the loop that ran ``start``, except ``stats``, ``policies`` and ``health``.

    Args:
        authorizer: who may call the API; unless given, whoever ``api`` in the settings says.
        scaling: decisions of who scales the workers, where somebody does.
        collectors: of metrics that are to be shown with the executor's own.
        declared: in which namespace and under which name an action's policy is declared, where policies have any.

    Raises:
        ConfigurationError: the settings say it in a way that cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        authorizer: Authorizer | None = None,
        scaling: ScalingHistory | None = None,
        collectors: Sequence[Collector] = (),
        declared: Declared | None = None,
    ) -> None:
        self._settings = settings
        self._meter = ExecutorMeter()
        self._submissions = SubmissionLimit(settings.api.rate_limits.every_caller.per_minute)
        public = Public(
            authorizer or _authorizer(settings),
            self._submissions,
            scaling,
            LiveQueues(self, scaling, declared),
            self._meter,
            (self._meter, MaintenanceCollector(self._tasks), *collectors),
            self._examine,
        )
        self._front = Front(settings, public)
        self._listeners: list[Callable[[], None]] = []
        self._opened = AsyncExitStack()
        self._sharing: Sharing | None = None
        self._service: ExecutionService | None = None
        self._emergency = settings.emergency()

    async def start(self, before_serving: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Take the shards over and serve; returns once their engines turn and the API listens.

        Whether it succeeds or not, ``stop`` closes what was opened.

        Args:
            before_serving: awaited once the engines turn, before anybody can submit.

        Raises:
            JournalError: the database is away, or its schema or number of shards is not this program's.
            BrokerError: the broker is away.
            OSError: the API's port is taken, or its certificate cannot be read.
        """
        await check_schema(self._settings.database.connection_url)
        sharing = self._sharing = await Sharing.open(self._settings, self._listeners, self._meter, self._opened)
        shards = sharing.shards
        self._opened.push_async_callback(shards.stop)
        await shards.start()
        if before_serving is not None:
            await shards.during(before_serving())
        self._service = await sharing.service(self._opened)
        self._opened.push_async_callback(self._front.stop)
        await self._front.start(self._service, sharing.gate())

    async def wait(self) -> None:
        """Return when an engine has stopped; raises what stopped it, FencedError for one."""
        working = asyncio.create_task(self._require().wait())
        try:
            await self._front.during(working)
        finally:
            working.cancel()

    async def stop(self) -> None:
        """Refuse callers, finish the turns, hand over what is confirmed, close everything."""
        await self._opened.aclose()

    async def set_policy(self, ref: str, policy: QueuePolicy) -> None:
        """Declare an action's policy; in force when this returns."""
        await self._require().set_policy(ref, policy)

    async def remove_policy(self, ref: str) -> None:
        """Refuse new executions of the action; what waits drains under the last limit."""
        await self._require().remove_policy(ref)

    async def set_emergency(self, emergency: Emergency | None) -> None:
        """Relax limits and close actions, or no longer; in force when this returns."""
        await self._require().set_emergency(emergency)
        self._emergency = emergency

    def set_maintenance(self, rules: MaintenanceRules) -> None:
        """Change what maintenance does, from its next task on."""
        self._require().set_maintenance(rules)

    def limit_requests(self, per_minute: int | None) -> None:
        """Take so many submitting requests a minute; None for as many as come."""
        self._submissions.per_minute = per_minute

    def policies(self) -> Mapping[str, QueuePolicy]:
        """Declared policies by action."""
        return self._require().policies()

    def held_by_worker(self, pool: str) -> Mapping[str, int]:
        """Executions that each worker of a pool has; those that drain are left out."""
        held: Counter[str] = Counter()
        for engine in self._require().engines.values():
            # Not `+=`, which would drop the idle ones.
            held.update(engine.held_by_worker(pool))
        return held

    def pools(self) -> Mapping[str, PoolSize]:
        """Pools of workers by name, as those who own shards know them."""
        shards = self._require()
        return as_known_best([shards.remote.pools, *(engine.pools() for engine in shards.engines.values())])

    def emergency(self) -> Emergency | None:
        """What is relaxed and closed now; None where nothing is."""
        return self._emergency

    def stats(self) -> Sequence[QueueStats]:
        """The latest picture of every queue."""
        return self._serving().stats()

    def ownerships(self) -> Sequence[Ownership]:
        """The shards that are owned here, with their epochs."""
        engines = list(self._require().engines.values())
        return tuple(engine.ownership for engine in engines if engine.ownership is not None)

    def health(self) -> EngineHealth:
        """Whether the engines turn."""
        return self._serving().health()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` on the executor's loop when queues changed; register before ``start``."""
        self._listeners.append(listener)

    def _tasks(self) -> Sequence[TaskReport]:
        """How the tasks of maintenance stand, where they are done here."""
        engine = None if self._sharing is None else self._sharing.shards.engines.get(MAINTAINING_SHARD)
        return () if engine is None else engine.tasks()

    async def _examine(self) -> FleetCheckup:
        return await self._require_sharing().examine()

    def _require(self) -> EveryShard | SharedShards:
        return self._require_sharing().shards

    def _require_sharing(self) -> Sharing:
        if self._sharing is None:
            raise RuntimeError("the executor is not started")
        return self._sharing

    def _serving(self) -> ExecutionService:
        if self._service is None:
            raise RuntimeError("the executor is not started")
        return self._service


def _authorizer(settings: Settings) -> Authorizer:
    file = settings.api.tokens_file
    if file is not None:
        return FileAuthorizer(file)
    settings.api.refuse_strangers()
    return EverybodyHere()
