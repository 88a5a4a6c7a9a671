"""Who holds locks in PostgreSQL that the executor waits for, asked on a connection of its own."""

from collections.abc import Sequence
from typing import Final, Self

import asyncpg

from attune_executor.adapters.postgres.connection import away_is_journal_error, open_pool
from attune_executor.adapters.postgres.statements import statement
from attune_executor.credentials import ServerUrl
from attune_executor.ports.locks import LockHolder

_COMMAND_SECONDS: Final = 2.0
"""Who is asked how things are answers soon, also when the database does not."""


class PostgresLocks:
    """Looks for whom the executors wait; made by ``open``, to be closed at the end."""

    def __init__(self, connections: asyncpg.Pool) -> None:
        self._connections = connections

    @classmethod
    async def open(cls, url: ServerUrl) -> Self:
        """On the database at ``url``, ``postgresql://user:password@host:port/database``; it connects when used."""
        settings = {"application_name": "attune-executor locks"}
        with away_is_journal_error("opening the look at locks"):
            return cls(await open_pool(url, 1, settings, _COMMAND_SECONDS, max_inactive_connection_lifetime=30))

    def close(self) -> None:
        """Close the connection; what runs on it is given up."""
        self._connections.terminate()

    async def holders(self) -> Sequence[LockHolder]:
        """Sessions of others that a session of an executor waits for, the longest first.

        Raises:
            JournalError: the database is away.
        """
        with away_is_journal_error("looking for locks"):
            async with self._connections.acquire(timeout=_COMMAND_SECONDS) as connection:
                rows = await connection.fetch(statement("lock_holders"))
        return [LockHolder(row["pid"], row["user"], row["application"], row["state"], row["seconds"]) for row in rows]
