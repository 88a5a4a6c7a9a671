"""Lists of executions from PostgreSQL, on connections of their own: readers never wait with the engine's."""

from typing import Any, Final, NamedTuple, Self

import asyncpg

from attune_executor.adapters.postgres.connection import away_is_journal_error, open_pool
from attune_executor.adapters.postgres.statements import statement
from attune_executor.credentials import ServerUrl
from attune_executor.domain.execution import TERMINAL, ExecutionStatus
from attune_executor.ports.history import HistoryPage, HistoryQuery, ListedExecution

EXAMINED: Final = 10_000
"""Rows that one page looks at."""
_READERS: Final = 2
_HEADS: Final = 100
"""Rows at the head of each queue whose order is checked."""
_COMMAND_SECONDS: Final = 10.0
_LARGEST: Final = 2**63 - 1


class PostgresExecutionHistory:
    """Implements `attune_executor.ports.history.ExecutionHistory`; made by ``open``, to be closed at the end."""

    def __init__(self, readers: asyncpg.Pool, examined: int) -> None:
        self._readers = readers
        self._examined = examined

    @classmethod
    async def open(cls, url: ServerUrl, *, examined: int = EXAMINED) -> Self:
        """On the database at ``url``; it connects when first used.

        Args:
            url: ``postgresql://user:password@host:port/database``.
            examined: rows that one page looks at, more than any page's limit.
        """
        with away_is_journal_error("opening the history"):
            readers = await open_pool(url, _READERS, {"application_name": "attune-executor history"}, _COMMAND_SECONDS)
        return cls(readers, examined)

    async def close(self) -> None:
        """Close every connection; what runs on them is given up."""
        self._readers.terminate()

    async def page(self, query: HistoryQuery) -> HistoryPage | None:
        """Some executions, or None where the action is unknown."""
        with away_is_journal_error("listing executions"):
            async with self._readers.acquire(timeout=_COMMAND_SECONDS) as connection:
                action: int | None = None
                if query.action_ref is not None:
                    action = await connection.fetchval(statement("action_id"), query.action_ref)
                    if action is None:
                        return None
                walk = _walk(query, action)
                rows = await connection.fetch(
                    walk.in_statement("list_executions", examined="$3", action="$5"),
                    walk.after,
                    query.status,
                    self._examined,
                    query.limit + 1,
                    *walk.arguments,
                )
                if len(rows) > query.limit:
                    rows.pop()
                    return HistoryPage([_listed(row) for row in rows], rows[-1]["id"])
                boundary = await connection.fetchval(
                    walk.in_statement("list_executions_boundary", examined="$2", action="$3"),
                    walk.after,
                    self._examined,
                    *walk.arguments,
                )
        return HistoryPage([_listed(row) for row in rows], boundary)

    async def overtaken(self) -> int:
        """How many executions, of those next in their lines, one behind them has overtaken: 0, or a bug.

        Raises:
            JournalError: the database is away.
        """
        with away_is_journal_error("checking the order of the queues"):
            async with self._readers.acquire(timeout=_COMMAND_SECONDS) as connection:
                return int(await connection.fetchval(statement("overtaken"), _HEADS))


class _Walk(NamedTuple):
    """Along which index to go, from where on. ``scope`` leaves open which parameters of a statement it needs."""

    scope: str
    order: str
    after: int
    arguments: tuple[Any, ...]

    def in_statement(self, name: str, **parameters: str) -> str:
        scope = self.scope.format(**parameters)
        return statement(name).replace("{scope}", scope).replace("{order}", self.order)


def _walk(query: HistoryQuery, action: int | None) -> _Walk:
    beyond, start, direction = (">", 0, "ASC") if query.oldest_first else ("<", _LARGEST, "DESC")
    after = start if query.after is None else query.after
    scope = f"id {beyond} $1"
    if action is None:
        return _Walk(scope, f"id {direction}", after, ())
    scope += " AND action = {action}"
    if query.after is not None:
        # Where to enter the action's index: at the row `after`, or beside it where that one is deleted by now.
        scope += (
            f" AND queue_order {beyond}= COALESCE((SELECT queue_order FROM ("  # noqa: S608 - fixed words
            f"SELECT action, queue_order FROM attune.execution WHERE id {beyond}= $1 ORDER BY id {direction}"
            f" LIMIT {{examined}}) AS near WHERE action = {{action}} LIMIT 1), {start})"
        )
    if query.status is not None and query.status not in TERMINAL:
        scope += " AND open"
    return _Walk(scope, f"queue_order {direction}", after, (action,))


def _listed(row: asyncpg.Record) -> ListedExecution:
    return ListedExecution(
        row["id"],
        row["action"],
        row["action_ref"],
        ExecutionStatus(row["status"]),
        row["attempt"],
        row["worker"],
        row["created"],
        row["started_at"],
        row["updated"],
        row["group_key"],
    )
