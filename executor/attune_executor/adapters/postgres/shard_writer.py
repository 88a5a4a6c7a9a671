"""The one connection that may write a shard, and the right to write it.

A commit whose answer is lost may still be executed by the server, now or later. Nothing may be read from the journal
before that is settled: the next use connects anew and raises the epoch, which waits for the lost commit if the server
is at it, and fences it off if it is not there yet.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from attune_executor.adapters.postgres.connection import away_is_journal_error, open_connection
from attune_executor.adapters.postgres.statements import statement
from attune_executor.credentials import ServerUrl
from attune_executor.ports.journal import FencedError, JournalError, Ownership

# A turn looks rows up by their keys, always. Planned once, while the table is empty and unmeasured, any other way of
# joining looks good and is disastrous later; so there is no other way.
PLANNING: Final[Mapping[str, str]] = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

# Tells the triggers that note an operator's changes that these are the owner's own.
_SIGNATURE: Final[Mapping[str, str]] = {"attune.owner": "on"}


@dataclass(frozen=True, slots=True)
class Fence:
    """What every write is conditioned on; ``claim`` is a token of one acquisition."""

    shard: int
    claim: UUID
    epoch: int


class ShardWriter:
    """Writes one shard, as long as it is the owner.

    Args:
        url: the database.
        shard: number of the shard.
        command_seconds: longest time that a command may take, on the server too.
    """

    def __init__(self, url: ServerUrl, shard: int, command_seconds: float) -> None:
        self._url = url
        self._shard = shard
        self._command_seconds = command_seconds
        self._connection: asyncpg.Connection | None = None
        self._fence: Fence | None = None
        self._turn = asyncio.Lock()

    @property
    def fence(self) -> Fence:
        """The fence of the latest acquisition.

        Raises:
            JournalError: the shard was never acquired.
        """
        if self._fence is None:
            raise JournalError(f"shard {self._shard} is not acquired: call acquire first")
        return self._fence

    async def acquire(self, owner: str, if_epoch: int | None = None) -> Ownership:
        """Take the shard over; where ``if_epoch`` is given, only from that epoch.

        Raises:
            FencedError: another executor was faster.
            JournalError: the database is away.
        """
        claim = uuid4()
        async with self._turn, self._exchange("taking the shard over"):
            self._abandon()
            connection = await self._connect()
            row = await connection.fetchrow(statement("acquire"), self._shard, owner, claim, if_epoch)
        if row is None:
            raise FencedError(f"another executor has taken shard {self._shard} over meanwhile")
        self._fence = Fence(self._shard, claim, row["epoch"])
        return Ownership(self._shard, owner, row["epoch"], row["publish_order"], row["confirmed_order"])

    async def settle(self) -> None:
        """Return once no earlier write can change anything any more; nothing to do while all answers are known.

        Raises:
            FencedError: another owner has the shard.
            JournalError: the database is away.
        """
        if self._fence is not None:
            async with self._turn:
                await self._live_connection()

    async def write(self, name: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """Run the named statement, whose first three arguments are the fence; returns its rows.

        Raises:
            FencedError: another owner has the shard.
            JournalError: the outcome is unknown.
        """
        async with self._turn:
            connection = await self._live_connection()
            fence = self.fence
            async with self._exchange(f"writing ({name})"):
                return await connection.fetch(statement(name), fence.shard, fence.claim, fence.epoch, *arguments)

    def fenced(self) -> FencedError:
        """The error of a write that the fence kept out."""
        return FencedError(f"another executor has taken shard {self._shard} over (epoch {self.fence.epoch} is past)")

    async def close(self) -> None:
        """Close the connection; the shard stays ours until someone takes it."""
        if self._connection is not None:
            with away_is_journal_error("closing"):
                await self._connection.close(timeout=self._command_seconds)
            self._connection = None

    def _abandon(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    @asynccontextmanager
    async def _exchange(self, doing: str) -> AsyncGenerator[None]:
        with away_is_journal_error(doing):
            try:
                yield
            except BaseException:
                # Whatever went wrong, a cancellation included: the server may still be at it.
                self._abandon()
                raise

    async def _live_connection(self) -> asyncpg.Connection:
        fence = self.fence
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        async with self._exchange("renewing the ownership of the shard"):
            connection = await self._connect()
            epoch = await connection.fetchval(statement("renew"), fence.shard, fence.claim)
        if epoch is None:
            self._abandon()
            raise self.fenced()
        self._fence = Fence(fence.shard, fence.claim, epoch)
        return connection

    async def _connect(self) -> asyncpg.Connection:
        settings = {**PLANNING, **_SIGNATURE, "statement_timeout": str(round(self._command_seconds * 1000))}
        self._connection = await open_connection(self._url, settings, self._command_seconds)
        return self._connection
