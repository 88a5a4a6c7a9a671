"""The API over real sockets: endless bodies, ports in use, loops of other threads, a database that goes away."""

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from attune_executor.adapters.clock import SystemClock
from attune_executor.adapters.everybody_here import EverybodyHere
from attune_executor.adapters.memory import MemoryBroker
from attune_executor.adapters.postgres import PostgresJournal
from attune_executor.api.app import create_api
from attune_executor.api.server import ApiServer
from attune_executor.api.service import AbsentHistory
from attune_executor.api.settings import ApiSettings
from attune_executor.domain.policy import QueuePolicy
from attune_executor.engine.engine import Engine
from attune_executor.engine.statistics import Statistics
from contract.journal_rig import open_ids
from testbed.services.ports import free_port
from testbed.services.postgres import PostgresServer

REF = "core.echo"
DEADLINE_SECONDS = 60


def served_by(engine: Engine, settings: ApiSettings) -> ApiServer:
    api = create_api(engine, settings, history=AbsentHistory(), authorizer=EverybodyHere())
    return ApiServer(api, settings.host, settings.port)


@asynccontextmanager
async def served(engine: Engine, settings: ApiSettings) -> AsyncGenerator[httpx.AsyncClient]:
    server = served_by(engine, settings)
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://{settings.host}:{settings.port}", timeout=60) as client:
            yield client
    finally:
        await server.stop()


@asynccontextmanager
async def turning(url: str) -> AsyncGenerator[Engine]:
    clock = SystemClock()
    journal = await PostgresJournal.open(url)
    engine = Engine("test", journal, MemoryBroker(), Statistics(clock, journal.queue_stats()), clock)
    running = asyncio.create_task(engine.run())
    await engine.started()
    await engine.set_policy(REF, QueuePolicy(concurrency=2, max_queue_length=100_000))
    try:
        yield engine
    finally:
        engine.stop()
        await running
        await journal.close()


@pytest.fixture
def settings() -> ApiSettings:
    return ApiSettings(port=free_port(), max_body_bytes=100_000)


@pytest.fixture
async def client(migrated_url: str, settings: ApiSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with turning(migrated_url) as engine, served(engine, settings) as client:
        yield client


async def submit(client: httpx.AsyncClient, count: int) -> httpx.Response:
    return await client.post("/api/v1/executions", json={"executions": [{"action_ref": REF}] * count})


async def test_executions_are_durable_when_answered(client: httpx.AsyncClient, migrated_url: str) -> None:
    answers = await asyncio.gather(*(submit(client, 50) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    ids = sorted(item["id"] for answer in answers for item in answer.json()["data"])
    assert len(set(ids)) == 1000
    journal = await PostgresJournal.open(migrated_url)
    assert await open_ids(journal) == ids
    await journal.close()
    shown = (await client.get(f"/api/v1/executions/{ids[-1]}")).json()["data"]
    # There is no worker, so nothing is dispatched.
    assert (shown["status"], shown["queue_position"]) == ("requested", 1000)


async def test_an_endless_body_without_a_length_is_cut_off(client: httpx.AsyncClient, settings: ApiSettings) -> None:
    reader, writer = await asyncio.open_connection(settings.host, settings.port)
    writer.write(b"POST /api/v1/executions HTTP/1.1\r\nHost: executor\r\nTransfer-Encoding: chunked\r\n\r\n")
    sent = 0
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    async with asyncio.timeout(DEADLINE_SECONDS):
        try:
            while sent < 1 << 30:
                writer.write(chunk)
                await writer.drain()
                sent += len(chunk)
        except ConnectionError:
            pass
        else:
            pytest.fail("the server took a gibibyte of a body limited to 100,000 bytes")
        head = b""
        try:
            head = await reader.readuntil(b"\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            # The answer may be lost when the connection is cut under the sender; the cut itself is what counts.
            assert sent < 1 << 26
    writer.close()
    assert head in {b"", b"HTTP/1.1 413 Request Entity Too Large\r\n", b"HTTP/1.1 413 Content Too Large\r\n"}
    assert (await submit(client, 1)).status_code == 201


async def test_a_chunked_body_slightly_over_the_limit_is_answered(client: httpx.AsyncClient) -> None:
    async def body() -> AsyncGenerator[bytes]:
        yield b'{"action_ref": "'
        for _ in range(101):
            yield b"x" * 1000

    answer = await client.post("/api/v1/executions", content=body())
    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"


async def test_a_declared_length_over_the_limit_is_answered_before_the_body(
    client: httpx.AsyncClient, settings: ApiSettings
) -> None:
    reader, writer = await asyncio.open_connection(settings.host, settings.port)
    writer.write(b"POST /api/v1/executions HTTP/1.1\r\nHost: executor\r\nContent-Length: 1000000000\r\n\r\n")
    async with asyncio.timeout(DEADLINE_SECONDS):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"body_too_large" in answer
    writer.close()
    assert (await submit(client, 1)).status_code == 201


async def test_a_taken_port_is_an_error_of_the_caller(settings: ApiSettings, migrated_url: str) -> None:
    async with turning(migrated_url) as engine:
        server = served_by(engine, settings)
        with socket.create_server((settings.host, settings.port)), pytest.raises(OSError, match="in use"):
            await server.start()


async def test_the_database_goes_and_comes_back(client: httpx.AsyncClient, postgres_server: PostgresServer) -> None:
    assert (await submit(client, 10)).status_code == 201
    await asyncio.to_thread(postgres_server.kill)
    try:
        refused = await submit(client, 10)
        assert refused.status_code == 503
        assert "Retry-After" in refused.headers
        assert (await client.get("/api/v1/executions/1")).status_code == 503
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get(f"/api/v1/actions/{REF}/queue-stats")).status_code == 200
    finally:
        await asyncio.to_thread(postgres_server.start)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while (await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)
    assert (await submit(client, 10)).status_code == 201
    stats = (await client.get(f"/api/v1/actions/{REF}/queue-stats")).json()["data"]
    assert (stats["queue_length"], stats["active_count"], stats["total_enqueued"]) == (20, 0, 20)


def test_it_runs_on_the_loop_of_another_thread(migrated_url: str, settings: ApiSettings) -> None:
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with turning(migrated_url) as engine, served(engine, settings):
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(DEADLINE_SECONDS)
        answer = httpx.post(
            f"http://{settings.host}:{settings.port}/api/v1/executions", json={"action_ref": REF}, timeout=60
        )
        assert answer.status_code == 201
    finally:
        stop.set()
        thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{settings.host}:{settings.port}/livez", timeout=60)
