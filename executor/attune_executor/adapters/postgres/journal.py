"""The journal in PostgreSQL."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Self

import asyncpg

from attune_executor.adapters.postgres import policy_codec
from attune_executor.adapters.postgres.connection import away_is_journal_error, open_pool
from attune_executor.adapters.postgres.load_history import PostgresLoadHistory
from attune_executor.adapters.postgres.queue_stats import PostgresQueueStatsRepository
from attune_executor.adapters.postgres.rows import (
    accepted_columns,
    active_execution,
    dispatched_columns,
    finished_columns,
    policy_columns,
    postponed_columns,
    rate_columns,
    rate_marks,
    started_columns,
    stored_execution,
)
from attune_executor.adapters.postgres.shard_writer import Fence, ShardWriter
from attune_executor.adapters.postgres.statements import statement
from attune_executor.credentials import ServerUrl
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.records import TurnRecord
from attune_executor.ports.journal import (
    ActiveExecution,
    Committed,
    EndedElsewhere,
    JournalError,
    KnownAction,
    OperatorChanges,
    Ownership,
    StoredExecution,
    WaitingRun,
    waiting_runs,
)

COMMAND_SECONDS: Final = 15.0
_BATCH: Final = 2_000
"""Rows at a time: with more of them alive at once, the garbage collector takes longer than all the rest."""
_READERS: Final = 4


class PostgresJournal:
    """One shard's journal: a writing connection of its own and a small pool for reading.

    Made by ``open``; ``close`` it at the end. The database's schema must have been checked.
    """

    def __init__(self, writer: ShardWriter, readers: asyncpg.Pool, shard: int) -> None:
        self._writer = writer
        self._shard = shard
        self._readers = readers

    @classmethod
    async def open(cls, url: ServerUrl, *, shard: int = 0, command_seconds: float = COMMAND_SECONDS) -> Self:
        """A journal on the database at ``url``; it connects when first used.

        Args:
            url: ``postgresql://user:password@host:port/database``.
            shard: number of the shard.
            command_seconds: after this long without an answer the database counts as away.
        """
        with away_is_journal_error("opening the journal"):
            readers = await open_pool(url, _READERS, {"application_name": "attune-executor"}, command_seconds)
        return cls(ShardWriter(url, shard, command_seconds), readers, shard)

    def fence(self) -> Fence:
        """What is written beside the turns is conditioned on this.

        Raises:
            JournalError: the shard was never acquired.
        """
        return self._writer.fence

    def queue_stats(self) -> PostgresQueueStatsRepository:
        """The statistics of this journal's queues, written under its fence."""
        return PostgresQueueStatsRepository(self._readers, self._writer)

    def load_history(self) -> PostgresLoadHistory:
        """The load of this journal's actions in the past."""
        return PostgresLoadHistory(self._readers, self._shard)

    async def close(self) -> None:
        """Close every connection; what runs on them is given up."""
        self._readers.terminate()
        await self._writer.close()

    async def acquire(self, owner: str, if_epoch: int | None = None) -> Ownership:
        """Take the shard over with the next epoch."""
        return await self._writer.acquire(owner, if_epoch)

    async def release(self) -> None:
        """Empty the shard's owner."""
        if not await self._writer.write("release"):
            raise self._writer.fenced()

    async def actions(self) -> Sequence[KnownAction]:
        """Every known action of the shard."""
        await self._writer.settle()
        with away_is_journal_error("reading the actions"):
            rows = await self._readers.fetch(statement("actions"), self._shard)
        return [
            KnownAction(
                row["id"],
                row["ref"],
                row["enabled"],
                None if row["policy"] is None else policy_codec.decode(row["policy"], row["ref"]),
                row["governed"],
                row["last_order"],
                row["total_rejected"],
                rate_marks(row["rate_marks"]),
            )
            for row in rows
        ]

    async def waiting_executions(self) -> AsyncIterator[Sequence[WaitingRun]]:
        """Executions that wait."""
        async for rows in self._batches("waiting_executions"):
            yield waiting_runs(rows)

    async def active_executions(self) -> AsyncIterator[Sequence[ActiveExecution]]:
        """Executions that hold a slot."""
        async for rows in self._batches("active_executions"):
            yield [active_execution(row) for row in rows]

    async def _batches(self, name: str) -> AsyncIterator[Sequence[asyncpg.Record]]:
        """Rows of a statement on the shard, through a cursor: memory for one batch at a time."""
        await self._writer.settle()
        with away_is_journal_error(f"reading ({name})"):
            async with self._readers.acquire() as connection, connection.transaction(readonly=True):
                cursor = await connection.cursor(statement(name), self._shard)
                while rows := await cursor.fetch(_BATCH):
                    yield rows

    async def save_policies(self, policies: Mapping[str, QueuePolicy | None]) -> Mapping[str, int]:
        """Store or remove policies in one statement."""
        if not policies:
            return {}
        rows = await self._writer.write("save_policies", *policy_columns(policies))
        if not rows:
            raise self._writer.fenced()
        return {row["ref"]: row["id"] for row in rows}

    async def reserve_ids(self, count: int) -> range:
        """A block of ``count`` ids."""
        with away_is_journal_error("reserving execution ids"):
            last = await self._readers.fetchval(statement("reserve_ids"), count)
        if not isinstance(last, int):
            raise JournalError("reserving execution ids returned nothing")
        return range(last - count + 1, last + 1)

    async def find_idempotent(self, keys: Sequence[str]) -> Mapping[str, StoredExecution]:
        """The executions that were accepted under these idempotency keys."""
        with away_is_journal_error("looking idempotency keys up"):
            rows = await self._readers.fetch(statement("find_idempotent"), keys)
        return {row["idempotency_key"]: stored_execution(row) for row in rows}

    async def commit(self, turn: TurnRecord) -> Committed:
        """Write one turn in one statement."""
        rows = await self._writer.write(
            "commit",
            turn.publish_order,
            turn.confirmed_order,
            *accepted_columns(turn.accepted),
            *dispatched_columns(turn.dispatched),
            *postponed_columns(turn.postponed),
            *started_columns(turn.started),
            *finished_columns(turn.finished),
            turn.cancelling,
            *rate_columns(turn.rates),
        )
        if not rows:
            raise self._writer.fenced()
        told = [(row["id"], row["parameters"]) for row in rows if row["id"] is not None]
        return Committed(
            {execution_id: text.encode() for execution_id, text in told if text is not None},
            frozenset(execution_id for execution_id, text in told if text is None),
        )

    async def operator_changes(self) -> OperatorChanges:
        """What the triggers noted since the last time."""
        fence = self._writer.fence
        with away_is_journal_error("reading what operators changed"):
            rows = await self._readers.fetch(statement("operator_changes"), fence.shard, fence.claim, fence.epoch)
        return OperatorChanges(
            [
                EndedElsewhere(row["execution"], row["action"], row["group_key"], row["queue_order"])
                for row in rows
                if row["execution"] is not None
            ],
            {row["action"]: row["enabled"] for row in rows if row["execution"] is None},
        )

    async def execution(self, execution_id: int) -> StoredExecution | None:
        """One execution."""
        with away_is_journal_error("reading an execution"):
            row = await self._readers.fetchrow(statement("execution"), execution_id)
        return None if row is None else stored_execution(row)
