"""Connections to PostgreSQL, and its many ways to be away put into the port's words."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import asyncpg
from asyncpg import Pool

from attune_executor.credentials import ServerUrl, current
from attune_executor.ports.journal import JournalError

CONNECT_SECONDS: Final = 10.0
UNREACHABLE: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What asyncpg raises when the server refuses or cannot be reached; a TimeoutError is an OSError.

An InternalClientError is what a process that was paused meets when it goes on: a command timed out and the server is
gone, and the driver hears of both at once.
"""


async def open_connection(
    url: ServerUrl, settings: Mapping[str, str] | None = None, command_seconds: float | None = None
) -> asyncpg.Connection:
    """Connect to ``url`` (``postgresql://user:password@host:port/database?sslmode=…``).

    Args:
        url: where to, as it is now.
        settings: the server's settings for this session.
        command_seconds: longest time that a command may take; None: for ever.
    """
    return await asyncpg.connect(
        current(url),
        timeout=CONNECT_SECONDS,
        command_timeout=command_seconds,
        # A prepared statement stays: planning it again costs more than the turn it serves.
        max_cached_statement_lifetime=0,
        server_settings={"application_name": "attune-executor", **(settings or {})},
    )


async def open_pool(
    url: ServerUrl, size: int, settings: Mapping[str, str], command_seconds: float, **options: Any
) -> Pool:
    """A pool that connects when it is first used, each time to ``url`` as it is then.

    Args:
        url: where to.
        size: connections at most.
        settings: the server's settings for its sessions.
        command_seconds: longest time that a command may take.
        options: asyncpg's own for a pool.
    """

    async def connect(*_: Any, **given: Any) -> asyncpg.Connection:
        return await asyncpg.connect(current(url), **given)

    return await asyncpg.create_pool(
        connect=connect,
        min_size=0,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=command_seconds,
        server_settings=dict(settings),
        **options,
    )


@contextmanager
def away_is_journal_error(doing: str) -> Generator[None]:
    """Raise the driver's errors as JournalError, whose message says what was being done."""
    try:
        yield
    except UNREACHABLE as error:
        reason = str(error) or type(error).__name__
        raise JournalError(f"{doing}: {reason}") from error
