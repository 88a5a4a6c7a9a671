"""Executor and workers as processes, killed under load: nothing lost, order kept, limit held."""

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from testbed.attune.processes import AttuneProcesses
from testbed.attune.questions import MOST_AT_ONCE, OUT_OF_ORDER

CONCURRENCY = 20
WAITING = 1_000
RUN_SECONDS = 0.2


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def attune(tmp_path: Path, database_url: str, amqp_url: str) -> AttuneProcesses:
    return AttuneProcesses(tmp_path, database_url, amqp_url, {"core.sleep": {"concurrency_limit": CONCURRENCY}})


async def submit(url: str, count: int) -> list[int]:
    body = {"executions": [{"action_ref": "core.sleep", "parameters": {"seconds": RUN_SECONDS}}] * count}
    async with httpx.AsyncClient() as http:
        response = await http.post(f"{url}/api/v1/executions", json=body, timeout=60)
    assert response.status_code == 201, response.text
    return [item["id"] for item in response.json()["data"]]


async def queue(url: str) -> dict[str, Any]:
    async with httpx.AsyncClient() as http:
        response = await http.get(f"{url}/api/v1/actions/core.sleep/queue-stats", timeout=60)
    assert response.status_code == 200, response.text
    return response.json()["data"]


async def until_status(database: asyncpg.Connection, status: str, count: int, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while True:
        found = await database.fetch("SELECT status, count(*) FROM attune.execution GROUP BY status")
        if any(row["status"] == status and row["count"] >= count for row in found):
            return
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)


async def until_under_way(url: str, database: asyncpg.Connection) -> None:
    """Every slot is taken and workers have begun: an execution is scheduled until its worker's report is in."""
    await until_status(database, "running", 1, 60)
    deadline = time.monotonic() + 60
    while (await queue(url))["active_count"] < CONCURRENCY:
        assert time.monotonic() < deadline, await queue(url)


async def test_a_killed_executor_loses_nothing_keeps_order_and_limit(
    attune: AttuneProcesses, database: asyncpg.Connection
) -> None:
    with attune:
        attune.migrate()
        executor = attune.executor()
        for _ in range(2):
            attune.worker(slots=CONCURRENCY // 2)
        ids = await submit(attune.url, 500)
        ids += await submit(attune.url, WAITING + CONCURRENCY - 500)
        await until_under_way(attune.url, database)
        executor.kill()
        attune.executor()
        stats = await queue(attune.url)
        assert stats["total_enqueued"] == WAITING + CONCURRENCY
        await until_status(database, "succeeded", len(ids), 240)
        assert await database.fetchval(OUT_OF_ORDER) == 0
        assert await database.fetchval(MOST_AT_ONCE) == CONCURRENCY
        stats = await queue(attune.url)
        assert (stats["queue_length"], stats["active_count"], stats["total_completed"]) == (0, 0, len(ids))


async def test_a_killed_worker_loses_nothing(attune: AttuneProcesses, database: asyncpg.Connection) -> None:
    with attune:
        attune.migrate()
        attune.executor()
        victim = attune.worker(slots=CONCURRENCY // 2)
        attune.worker(slots=CONCURRENCY // 2)
        ids = await submit(attune.url, 200)
        await until_under_way(attune.url, database)
        victim.kill()
        await until_status(database, "succeeded", len(ids), 180)
        assert await database.fetchval(OUT_OF_ORDER) == 0


async def test_a_graceful_restart_repeats_nothing(attune: AttuneProcesses, database: asyncpg.Connection) -> None:
    with attune:
        attune.migrate()
        executor = attune.executor()
        worker = attune.worker(slots=CONCURRENCY)
        ids = await submit(attune.url, 300)
        await until_status(database, "succeeded", 50, 60)
        assert executor.stop() == 0
        attune.executor()
        await until_status(database, "succeeded", len(ids), 180)
        assert await database.fetchval("SELECT max(attempt) FROM attune.execution") == 1
        assert worker.stop() == 0
