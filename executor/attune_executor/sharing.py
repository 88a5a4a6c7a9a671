"""The shards of an executor and who answers for all of them: this one alone, or together with other executors."""

import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Self
from uuid import uuid4

from attune_executor.adapters.http_peers import HttpPeers
from attune_executor.adapters.postgres import PostgresJournal, PostgresLocks, PostgresMembership
from attune_executor.api.service import ExecutionService
from attune_executor.assembly import ShardAssembly
from attune_executor.engine.every_shard import EveryShard
from attune_executor.engine.shard_router import ShardRouter
from attune_executor.engine.shared_shards import SharedShards
from attune_executor.metrics.meter import ExecutorMeter
from attune_executor.ports.checkup import Checkup, Component, ExecutorCheckup, FleetCheckup
from attune_executor.ports.journal import JournalError
from attune_executor.ports.locks import LockHolder
from attune_executor.ports.membership import Member
from attune_executor.settings import Settings


class Sharing:
    """How an executor has its part of the shards; ``shards`` are to be started by whoever opens this.

    Args:
        name: of this executor, as the owner of shards.
        membership: the executors' common table.
        locks: tells who is in the way of turns.
        peers: the other executors, where there can be any.
        secret: what they know each other by.
        listeners: called when queues changed.
        meter: hears of all that the shards do.
    """

    def __init__(
        self,
        settings: Settings,
        name: str,
        membership: PostgresMembership,
        locks: PostgresLocks,
        peers: HttpPeers,
        secret: str,
        listeners: Sequence[Callable[[], None]],
        meter: ExecutorMeter,
    ) -> None:
        self._settings = settings
        self._name = name
        self._locks = locks
        self._peers = peers
        self._secret = secret
        self._meter = meter
        self._sharding = settings.executor.sharding
        self._router: ShardRouter | None = None
        assembly = ShardAssembly(settings, name, listeners, meter)
        self.shards: EveryShard | SharedShards
        if self._sharding.cooperative:
            self.shards = SharedShards(
                Member(name, settings.api.peers_url),
                membership,
                peers,
                self._sharding.count,
                assembly.open,
                settings.queue_policies(),
                settings.emergency(),
            )
        else:
            self.shards = EveryShard(self._sharding.count, assembly.open)

    @classmethod
    async def open(
        cls, settings: Settings, listeners: Sequence[Callable[[], None]], meter: ExecutorMeter, opened: AsyncExitStack
    ) -> Self:
        """Look into the executors' common table; ``opened`` closes what this opens.

        Raises:
            JournalError: the database is away, or its number of shards is not the configured one.
        """
        membership = await PostgresMembership.open(settings.database.connection_url)
        opened.callback(membership.close)
        locks = await PostgresLocks.open(settings.database.connection_url)
        opened.callback(locks.close)
        await membership.fix_count(settings.executor.sharding.count)
        secret = await membership.peer_secret()
        tls = settings.api.tls
        peers = HttpPeers(secret, None if tls is None else tls.ca_file)
        opened.push_async_callback(peers.close)
        name = f"{socket.gethostname()}-{os.getpid()}"
        if settings.executor.sharding.cooperative:
            # Two of one name would take the shards from each other for ever; containers have the same process ids.
            name = f"{name}-{uuid4().hex[:8]}"
        return cls(settings, name, membership, locks, peers, secret, listeners, meter)

    async def service(self, opened: AsyncExitStack) -> ExecutionService:
        """Who answers for all shards, once they are started; ``opened`` closes what this opens.

        Raises:
            JournalError: the database is away.
        """
        if not self._sharding.cooperative and self._sharding.count == 1:
            return self.shards.engines[0]
        # Belongs to no shard: it is only read from.
        journal = await PostgresJournal.open(self._settings.database.connection_url)
        opened.push_async_callback(journal.close)
        count = self._sharding.count
        self._router = ShardRouter(count, self.shards, self._peers, journal.execution, self._examine_here)
        return self._router

    def gate(self) -> Mapping[str, Any] | None:
        """What `PeerGate` needs; None where nobody has to be let in, since nobody shares."""
        if self._router is None or not self._sharding.cooperative:
            return None
        return {"here": self._router.here, "secret": self._secret}

    async def examine(self) -> FleetCheckup:
        """How it is with this executor, and with all that it shares the shards with."""
        if self._router is not None:
            return await self._router.checkup()
        return FleetCheckup(self._sharding.count, [await self._examine_here()])

    async def _examine_here(self) -> ExecutorCheckup:
        database = Component.of("database", self._meter.database)
        shards = {
            number: replace(found, components=[database, *found.components])
            for number, engine in list(self.shards.engines.items())
            for found in [await engine.checkup()]
        }
        url = self._settings.api.peers_url if self._sharding.cooperative else None
        holders = await self._lock_holders(shards.values())
        return ExecutorCheckup(self._name, url, shards, self._meter.fifo_violations, holders)

    async def _lock_holders(self, shards: Iterable[Checkup]) -> Sequence[LockHolder]:
        if not any(shard.delayed for shard in shards):
            return ()
        try:
            return await self._locks.holders()
        except JournalError:
            # The database is away, which its component says.
            return ()
