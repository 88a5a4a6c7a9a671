"""PgQueuer: as many entrypoints as BENCH_ENTRYPOINTS says, each with the limit BENCH_LIMIT (0 is none)."""

import asyncio
import os
from collections.abc import Callable

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from bench.peers.programs.application import database_url

_BATCH = 1000


async def _work() -> None:
    queuer = PgQueuer(AsyncpgDriver(await asyncpg.connect(database_url())))
    for name in _entrypoints():
        queuer.entrypoint(name, concurrency_limit=int(os.environ["BENCH_LIMIT"]))(_noop)
    await queuer.run(batch_size=int(os.environ["BENCH_BATCH_SIZE"]))


async def _noop(_job: Job) -> None:
    """Do nothing."""


def _entrypoints() -> list[str]:
    return [f"noop{number}" for number in range(int(os.environ["BENCH_ENTRYPOINTS"]))]


async def _installed() -> None:
    connection = await asyncpg.connect(database_url())
    await Queries(AsyncpgDriver(connection)).install()
    await connection.close()


async def _enqueued(count: int, begin: Callable[[], None]) -> None:
    connection = await asyncpg.connect(database_url())
    queries = Queries(AsyncpgDriver(connection))
    names = _entrypoints()
    begin()
    for first in range(0, count, _BATCH):
        batch = [names[number % len(names)] for number in range(first, min(first + _BATCH, count))]
        await queries.enqueue(batch, [None] * len(batch), [0] * len(batch))
    await connection.close()


def install() -> None:
    """Prepare the servers."""
    asyncio.run(_installed())


def enqueue(count: int, begin: Callable[[], None]) -> None:
    """Hand over so many tasks."""
    asyncio.run(_enqueued(count, begin))


def work() -> None:
    """Run jobs until killed: what `pgq run` does, whose options the installed typer does not parse as it expects."""
    asyncio.run(_work())
