"""The executors' common table in PostgreSQL. Whether someone is alive is judged by the database's clock alone."""

from collections.abc import Sequence
from typing import Final, Self

import asyncpg

from attune_executor.adapters.postgres.connection import away_is_journal_error, open_pool
from attune_executor.adapters.postgres.statements import statement
from attune_executor.credentials import ServerUrl
from attune_executor.domain.sharding import ShardState
from attune_executor.domain.stats import Load, QueueStats
from attune_executor.ports.journal import JournalError
from attune_executor.ports.membership import Member, Roster, ShardCountError

ALIVE_SECONDS: Final = 5.0
"""Whoever has written nothing for longer is taken for dead."""
_COMMAND_SECONDS: Final = 5.0


class PostgresMembership:
    """Implements `attune_executor.ports.membership.Membership`; made by ``open``, to be closed at the end."""

    def __init__(self, connections: asyncpg.Pool, alive_seconds: float) -> None:
        self._connections = connections
        self._alive_seconds = alive_seconds

    @classmethod
    async def open(cls, url: ServerUrl, *, alive_seconds: float = ALIVE_SECONDS) -> Self:
        """On the database at ``url``; it connects when first used.

        Args:
            url: ``postgresql://user:password@host:port/database``.
            alive_seconds: whoever has written nothing for longer is taken for dead.
        """
        with away_is_journal_error("opening the membership"):
            connections = await open_pool(url, 2, {"application_name": "attune-executor membership"}, _COMMAND_SECONDS)
        return cls(connections, alive_seconds)

    def close(self) -> None:
        """Close every connection; what runs on them is given up."""
        self._connections.terminate()

    async def fix_count(self, count: int) -> None:
        """Compare with the database's number, or make it that."""
        with away_is_journal_error("looking the number of shards up"):
            found = await self._connections.fetchval(statement("fix_shard_count"), count)
        if not isinstance(found, int):
            raise JournalError("looking the number of shards up returned nothing")
        if found != count:
            raise ShardCountError(
                f"executor.sharding.count: {count}, but this database's executions are divided into {found}, which"
                f" cannot be changed: write {found}, or use another database"
            )

    async def peer_secret(self) -> str:
        """Made by the database with the row that ``fix_count`` writes."""
        with away_is_journal_error("reading the executors' secret"):
            found = await self._connections.fetchval(statement("peer_secret"))
        if not isinstance(found, str):
            raise JournalError("there is no secret of the executors yet: fix the number of shards first")
        return found

    async def renew(self, member: Member) -> Roster:
        """Write the member's row and read both tables."""
        with away_is_journal_error("renewing the membership"):
            async with self._connections.acquire(timeout=_COMMAND_SECONDS) as connection:
                await connection.execute(statement("renew_member"), member.name, member.url)
                members = await connection.fetch(statement("members"), self._alive_seconds)
                shards = await connection.fetch(statement("shards"), self._alive_seconds)
        return Roster(
            [Member(row["name"], row["url"]) for row in members],
            [ShardState(row["shard"], row["owner"], row["epoch"], row["fresh"]) for row in shards],
        )

    async def leave(self, name: str) -> None:
        """Delete the member's row."""
        with away_is_journal_error("leaving the membership"):
            await self._connections.execute(statement("leave"), name)

    async def statistics(self, shards: Sequence[int]) -> Sequence[QueueStats]:
        """Read ``attune.queue_stats``."""
        with away_is_journal_error("reading the queue statistics"):
            rows = await self._connections.fetch(statement("queue_stats"), shards)
        return [
            QueueStats(
                row["action_id"],
                row["ref"],
                row["queue_length"],
                row["active_count"],
                row["max_concurrent"],
                row["oldest_enqueued_at"],
                row["total_enqueued"],
                row["total_completed"],
                row["total_rejected"],
                row["last_updated"],
                Load(0.0, None),
            )
            for row in rows
        ]
