"""Procrastinate: one task, async."""

import asyncio
from collections.abc import Callable
from typing import Any

from procrastinate import App, PsycopgConnector

from bench.peers.programs.application import database_url

_BATCH = 1000

app = App(connector=PsycopgConnector(conninfo=database_url(), min_size=2, max_size=12))


@app.task(name="noop")
async def noop() -> None:
    """Do nothing."""


async def _installed() -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def _enqueued(count: int, begin: Callable[[], None]) -> None:
    async with app.open_async():
        no_arguments = [dict[str, Any]()] * _BATCH
        begin()
        for first in range(0, count, _BATCH):
            await noop.batch_defer_async(*no_arguments[: count - first])


def install() -> None:
    """Prepare the servers."""
    asyncio.run(_installed())


def enqueue(count: int, begin: Callable[[], None]) -> None:
    """Hand over so many tasks."""
    asyncio.run(_enqueued(count, begin))
