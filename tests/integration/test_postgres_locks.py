"""Whoever keeps an executor from writing is named, and an executor never."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import asyncpg
import pytest

from attune_executor.adapters.postgres import PostgresLocks
from attune_executor.ports.locks import LockHolder

WAITS_FOR = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $1"
WAIT_SECONDS = 20.0
Connect = Callable[[str], Awaitable[asyncpg.Connection]]


@pytest.fixture
async def locks(migrated_url: str) -> AsyncGenerator[PostgresLocks]:
    locks = await PostgresLocks.open(migrated_url)
    yield locks
    locks.close()


@pytest.fixture
async def connect(migrated_url: str) -> AsyncGenerator[Connect]:
    """Opens sessions that call themselves so."""
    opened: list[asyncpg.Connection] = []

    async def connect(application: str) -> asyncpg.Connection:
        opened.append(await asyncpg.connect(migrated_url, server_settings={"application_name": application}))
        return opened[-1]

    yield connect
    for connection in opened:
        await connection.close()


async def test_a_session_that_holds_a_lock_of_a_turn_is_named(locks: PostgresLocks, connect: Connect) -> None:
    turns, others, psql = [await connect(name) for name in ("attune-executor", "attune-executor history", "psql")]
    looking = await connect("test")

    async def named(holder: asyncpg.Connection, waiting: asyncpg.Connection) -> list[LockHolder]:
        """Who is named while one waits for the other."""
        async with asyncio.timeout(WAIT_SECONDS):
            async with holder.transaction():
                await holder.execute("LOCK TABLE attune.execution IN SHARE MODE")
                write = asyncio.create_task(waiting.execute("UPDATE attune.execution SET updated = now()"))
                while await looking.fetchval(WAITS_FOR, waiting.get_server_pid()) != "Lock":
                    await asyncio.sleep(0.02)
                found = list(await locks.holders())
            await write
        return found

    assert await locks.holders() == []
    (found,) = await named(psql, turns)
    assert (found.pid, found.application, found.state) == (psql.get_server_pid(), "psql", "idle in transaction")
    assert found.seconds is not None
    assert 0 <= found.seconds < WAIT_SECONDS
    assert await named(turns, others) == [], "executors wait for each other for moments"
    assert await named(turns, psql) == [], "and others for them"
    assert await locks.holders() == []
