"""The executor put together: the only place that knows which adapters stand behind the ports."""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from uuid import uuid4

import structlog
from prometheus_client.registry import Collector

from attune_executor.adapters.everybody_here import EverybodyHere
from attune_executor.adapters.http_peers import HttpPeers
from attune_executor.adapters.postgres import (
    PostgresJournal,
    PostgresLocks,
    PostgresMembership,
    check_schema,
)
from attune_executor.adapters.token_file import FileAuthorizer
from attune_executor.api.live import Declared, LiveQueues
from attune_executor.api.rate_limit import SubmissionLimit
from attune_executor.api.service import ExecutionService
from attune_executor.assembly import ShardAssembly
from attune_executor.credentials import ServerUrl
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.maintenance import MAINTAINING_SHARD, MaintenanceRules, TaskReport
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.stats import QueueStats
from attune_executor.engine.checkup import Checkup, Component, ExecutorCheckup
from attune_executor.engine.every_shard import EveryShard
from attune_executor.engine.shard_router import ShardRouter
from attune_executor.engine.shared_shards import SharedShards
from attune_executor.engine.views import EngineHealth, PoolSize
from attune_executor.metrics.maintenance import MaintenanceCollector
from attune_executor.metrics.meter import ExecutorMeter
from attune_executor.ports.authorization import Authorizer
from attune_executor.ports.journal import JournalError, Ownership
from attune_executor.ports.locks import LockHolder
from attune_executor.ports.membership import Member
from attune_executor.ports.scaling_history import ScalingHistory
from attune_executor.serving import Front, Public
from attune_executor.settings import Settings

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
        self._shards: EveryShard | SharedShards | None = None
        self._service: ExecutionService | None = None
        self._locks: PostgresLocks | None = None
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
        url = self._settings.database.connection_url
        await check_schema(url)
        membership = await PostgresMembership.open(url)
        self._opened.callback(membership.close)
        locks = self._locks = await PostgresLocks.open(url)
        self._opened.callback(locks.close)
        sharding = self._settings.executor.sharding
        await membership.fix_count(sharding.count)
        shards = self._shards = self._shared(membership) if sharding.cooperative else self._every()
        self._opened.push_async_callback(shards.stop)
        await shards.start()
        if before_serving is not None:
            await shards.during(before_serving())
        if sharding.cooperative or sharding.count > 1:
            secret = await membership.peer_secret()
            router = await self._router(url, shards, secret)
            self._service = router
            # Nobody has to be let in where nobody shares.
            peers = {"here": router.here, "secret": secret} if sharding.cooperative else None
        else:
            self._service, peers = shards.engines[0], None
        self._opened.push_async_callback(self._front.stop)
        await self._front.start(self._service, peers)

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
        """Pools of workers, as the shards that are here know them: workers answer to every shard alike."""
        found: dict[str, PoolSize] = {}
        for engine in self._require().engines.values():
            for name, pool in engine.pools().items():
                found[name] = max(pool, found.get(name, pool), key=lambda each: (each.slots, each.workers))
        return found

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
        engine = None if self._shards is None else self._shards.engines.get(MAINTAINING_SHARD)
        return () if engine is None else engine.tasks()

    def _every(self) -> EveryShard:
        assembly = ShardAssembly(self._settings, f"{socket.gethostname()}-{os.getpid()}", self._listeners, self._meter)
        return EveryShard(self._settings.executor.sharding.count, assembly.open)

    def _shared(self, membership: PostgresMembership) -> SharedShards:
        # Two of one name would take the shards from each other for ever; containers have the same process ids.
        name = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
        assembly = ShardAssembly(self._settings, name, self._listeners, self._meter)
        return SharedShards(
            Member(name, self._settings.api.peers_url),
            membership,
            self._settings.executor.sharding.count,
            assembly.open,
            self._settings.queue_policies(),
            self._settings.emergency(),
        )

    async def _router(self, url: ServerUrl, shards: EveryShard | SharedShards, secret: str) -> ShardRouter:
        # Belongs to no shard: it is only read from.
        journal = await PostgresJournal.open(url)
        self._opened.push_async_callback(journal.close)
        tls = self._settings.api.tls
        peers = HttpPeers(secret, None if tls is None else tls.ca_file)
        self._opened.push_async_callback(peers.close)
        return ShardRouter(self._settings.executor.sharding.count, shards, peers, journal.execution)

    async def _examine(self) -> ExecutorCheckup:
        database = Component.of("database", self._meter.database)
        shards = {
            number: replace(found, components=[database, *found.components])
            for number, engine in list(self._require().engines.items())
            for found in [await engine.checkup()]
        }
        return ExecutorCheckup(
            self._settings.executor.sharding.count,
            shards,
            self._meter.fifo_violations,
            await self._lock_holders(shards.values()),
        )

    async def _lock_holders(self, shards: Iterable[Checkup]) -> Sequence[LockHolder]:
        if self._locks is None or not any(shard.delayed for shard in shards):
            return ()
        try:
            return await self._locks.holders()
        except JournalError:
            # The database is away, which its component says.
            return ()

    def _require(self) -> EveryShard | SharedShards:
        if self._shards is None:
            raise RuntimeError("the executor is not started")
        return self._shards

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
