"""Several executors as processes that share four shards, and owners that are killed or paused under load.

A paused owner that wakes up writes nothing: its shards have another epoch by then, and every write names the epoch.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from attune_executor.domain.sharding import shard_of
from integration.worker_process import install, until
from testbed.attune.processes import AttuneProcesses, HostProcess
from testbed.attune.questions import MOST_AT_ONCE, OUT_OF_ORDER
from testbed.services.ports import free_port

SHARDS = 4
CONCURRENCY = 2
REFS = [f"nap.n{number}" for number in range(8)]
DEADLINE_SECONDS = 60.0
EXIT_TAKEN_OVER = 75

PACK = f"""
import asyncio
from pathlib import Path
from attune_executor.worker import action

async def nap() -> None:
    await asyncio.sleep(0.05)
    while Path(__file__).with_name("nobody-wakes").exists():
        await asyncio.sleep(0.05)

for ref in {REFS}:
    globals()[ref.replace(".", "_")] = action(ref)(nap)
"""


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


class Cluster:
    """Executors at ports of their own, a worker, and callers who ask any of them."""

    def __init__(self, attune: AttuneProcesses, database: asyncpg.Connection) -> None:
        self.attune = attune
        self.database = database
        self.urls: dict[str, HostProcess] = {}
        self.accepted: set[int] = set()
        self._http = httpx.AsyncClient(timeout=10)

    def executor(self, environment: Mapping[str, str] | None = None) -> str:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        self.urls[url] = self.attune.executor(port=port, environment=environment)
        return url

    async def ask(self, url: str, path: str) -> Any:
        """The ``data`` of a question."""
        response = await self._http.get(f"{url}{path}")
        assert response.status_code == 200, response.text
        return response.json()["data"]

    async def picture(self, url: str) -> dict[str, Any]:
        """What a watcher of the dashboard is shown first."""
        response = await self._http.get(f"{url}/api/v1/stream?seconds=0")
        (data,) = [line for line in response.text.splitlines() if line.startswith("data: ")]
        return json.loads(data.removeprefix("data: "))

    async def owners(self) -> dict[int, tuple[str, int]]:
        """URL of each shard's owner, empty where it is no member, and its epoch."""
        rows = await self.database.fetch(
            "SELECT shard, COALESCE(url, '') AS url, epoch FROM attune.executor_shard"
            " LEFT JOIN attune.executor ON name = owner"
        )
        return {row["shard"]: (row["url"], row["epoch"]) for row in rows}

    async def until_owners(self, right: Callable[[dict[int, tuple[str, int]]], bool], seconds: float) -> float:
        """Wait until the division of the shards is right; returns after how many seconds."""
        begun = time.monotonic()
        while not right(owners := await self.owners()):
            assert time.monotonic() < begun + seconds, owners
            await asyncio.sleep(0.1)
        return time.monotonic() - begun

    async def submit_one(self, url: str, ref: str) -> None:
        """Submit with one key until it is accepted, at whichever executor answers."""
        key = uuid4().hex
        while True:
            try:
                response = await self._http.post(
                    f"{url}/api/v1/executions",
                    json={"executions": [{"action_ref": ref, "idempotency_key": key}]},
                    timeout=3,
                )
            except httpx.TransportError:
                response = None
            if response is not None and response.status_code == 201:
                (item,) = response.json()["data"]
                self.accepted.add(item["id"])
                return
            assert response is None or response.status_code == 503, response.text
            await asyncio.sleep(0.2)
            url = next((other for other in self.urls if other != url), url)

    @asynccontextmanager
    async def load(self) -> AsyncGenerator[None]:
        """Submit all the time, every action at every executor, some a second."""
        stop = asyncio.Event()

        async def keep_on(ref: str) -> None:
            while not stop.is_set():
                for url in list(self.urls):
                    await self.submit_one(url, ref)
                    await asyncio.sleep(0.1)

        tasks = [asyncio.create_task(keep_on(ref)) for ref in REFS]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def check_all_done(self, seconds: float = 180) -> None:
        """Nothing was lost, every queue kept its order and its limit."""
        deadline = time.monotonic() + seconds
        while rows := await self.database.fetch("SELECT id, status FROM attune.execution WHERE status <> 'succeeded'"):
            assert time.monotonic() < deadline, rows[:10]
            assert not [row for row in rows if row["status"] == "failed"]
            await asyncio.sleep(0.2)
        ids = {row["id"] for row in await self.database.fetch("SELECT id FROM attune.execution")}
        assert self.accepted
        assert self.accepted <= ids
        assert await self.database.fetchval(OUT_OF_ORDER) == 0
        assert await self.database.fetchval(MOST_AT_ONCE) <= CONCURRENCY

    async def close(self) -> None:
        await self._http.aclose()


@asynccontextmanager
async def cluster(
    folder: Path, database_url: str, amqp_url: str, database: asyncpg.Connection, environment: dict[str, str]
) -> AsyncGenerator[Cluster]:
    attune = AttuneProcesses(
        folder,
        database_url,
        amqp_url,
        {ref: {"concurrency_limit": CONCURRENCY} for ref in REFS},
        {"PYTHONPATH": install(folder, "nap", PACK), **environment},
    )
    with attune:
        attune.migrate()
        cluster = Cluster(attune, database)
        try:
            yield cluster
        finally:
            await cluster.close()


def evenly(*urls: str) -> Callable[[dict[int, tuple[str, int]]], bool]:
    """Whether these executors own all shards, none of them more than one above another."""

    def right(owners: dict[int, tuple[str, int]]) -> bool:
        sizes = [sum(owner == url for owner, _ in owners.values()) for url in urls]
        return len(owners) == sum(sizes) == SHARDS and max(sizes) - min(sizes) <= 1

    return right


COOPERATIVE = {"ATTUNE__EXECUTOR__SHARDING__COUNT": str(SHARDS), "ATTUNE__EXECUTOR__SHARDING__COOPERATIVE": "true"}


async def test_the_shards_of_a_killed_executor_move_and_nothing_is_lost(
    tmp_path: Path, database_url: str, amqp_url: str, database: asyncpg.Connection
) -> None:
    assert {shard_of(ref, SHARDS) for ref in REFS} == set(range(SHARDS))
    async with cluster(tmp_path, database_url, amqp_url, database, COOPERATIVE) as world:
        one, two, three = world.executor(), world.executor(), world.executor()
        await world.until_owners(evenly(one, two, three), DEADLINE_SECONDS)
        world.attune.worker(slots=16)
        async with world.load():
            await asyncio.sleep(2)
            world.urls.pop(one).kill()
            seconds = await world.until_owners(evenly(two, three), DEADLINE_SECONDS)
            print(f"taken over after {seconds:.1f} s")  # noqa: T201 - pytest -s shows it
            await asyncio.sleep(2)
        await world.check_all_done()
        assert world.urls[two].stop() == 0
        assert two not in {url for url, _ in (await world.owners()).values()}, "nobody has to find out that it left"
        await world.until_owners(evenly(three), DEADLINE_SECONDS)


async def test_whichever_executor_is_asked_estimates_and_health_are_those_of_all(
    tmp_path: Path, database_url: str, amqp_url: str, database: asyncpg.Connection
) -> None:
    async with cluster(tmp_path, database_url, amqp_url, database, COOPERATIVE) as world:
        one, two = world.executor(), world.executor()
        await world.until_owners(evenly(one, two), DEADLINE_SECONDS)
        world.attune.worker(slots=2 * CONCURRENCY * len(REFS))
        for ref in REFS:
            await world.submit_one(one, ref)
        await world.check_all_done()
        (tmp_path / "nobody-wakes").touch()
        for ref in REFS:
            for _ in range(CONCURRENCY + 3):
                await world.submit_one(two, ref)
        async with asyncio.timeout(60):
            # Nothing moves any more; loads fade by the minute, so that one of them can be a second ahead.
            while True:
                pictures = [await world.picture(url) for url in (one, two)]
                waits = [row["estimated_wait_seconds"] for row in pictures[0]["queues"].values()]
                alike = all(pictures[0][part] == pictures[1][part] for part in ("queues", "pools"))
                if alike and len(waits) == len(REFS) and all(waits):
                    break
                await asyncio.sleep(0.1)
        for url in (one, two):
            for ref in REFS:
                heads = await world.ask(url, f"/api/v1/actions/{ref}/waiting")
                assert [head["queue_position"] for head in heads] == [1, 2, 3]
                assert all(head["estimated_start"] for head in heads)


async def test_whichever_executor_is_asked_its_health_is_that_of_all_and_names_who_is_silent(
    tmp_path: Path, database_url: str, amqp_url: str, database: asyncpg.Connection
) -> None:
    async with cluster(tmp_path, database_url, amqp_url, database, COOPERATIVE) as world:
        one = world.executor()
        # The second is alive, and the first cannot reach it where it says that it is.
        nowhere = f"http://127.0.0.1:{free_port()}"
        two = world.executor({"ATTUNE__API__ADVERTISE_URL": nowhere})
        await world.until_owners(evenly(one, nowhere), DEADLINE_SECONDS)
        owned = await world.owners()
        parts = {url: [number for number in sorted(owned) if owned[number][0] == url] for url in (one, nowhere)}

        async def settled(url: str) -> dict[str, Any]:
            """The health as soon as who is asked has heard who owns what."""
            async with asyncio.timeout(DEADLINE_SECONDS):
                while True:
                    health = await world.ask(url, "/api/v1/health")
                    if {each["url"]: each["shards"] for each in health["executors"]} == parts:
                        return health
                    await asyncio.sleep(0.1)

        health = await settled(two)
        assert [each["problem"] for each in health["executors"]] == [None, None]
        assert [shard["shard"] for shard in health["shards"]] == sorted(owned)
        assert {action["action_ref"] for shard in health["shards"] for action in shard["actions"]} == set(REFS)
        health = await settled(one)
        (silent,) = [executor for executor in health["executors"] if not executor["answers"]]
        assert silent["url"] == nowhere
        assert "does not answer" in silent["problem"]
        assert [shard["shard"] for shard in health["shards"]] == parts[one]
        assert health["unserved_shards"] == []
        # What nobody tells of is shown as the database has it, once that is written.
        async with asyncio.timeout(DEADLINE_SECONDS):
            while set((await world.picture(one))["queues"]) != set(REFS):
                await asyncio.sleep(0.1)


async def test_a_paused_owner_that_wakes_up_writes_nothing_and_takes_part_again(
    tmp_path: Path, database_url: str, amqp_url: str, database: asyncpg.Connection
) -> None:
    async with cluster(tmp_path, database_url, amqp_url, database, COOPERATIVE) as world:
        one, two = world.executor(), world.executor()
        await world.until_owners(evenly(one, two), DEADLINE_SECONDS)
        world.attune.worker(slots=16)
        async with world.load():
            await asyncio.sleep(2)
            paused = world.urls.pop(one)
            epochs = {shard: epoch for shard, (url, epoch) in (await world.owners()).items() if url == one}
            paused.pause()
            seconds = await world.until_owners(evenly(two), DEADLINE_SECONDS)
            print(f"taken over after {seconds:.1f} s")  # noqa: T201 - pytest -s shows it
            taken = await world.owners()
            assert all(taken[shard][1] > epoch for shard, epoch in epochs.items())
            paused.resume()
            await world.until_owners(evenly(one, two), DEADLINE_SECONDS)
            for shard in epochs:
                told = f"another executor has taken shard {shard} over"
                await until(lambda told=told: told in paused.log(), told)
        await world.check_all_done()
        assert paused.running


async def test_an_owner_that_was_replaced_while_it_was_paused_writes_nothing_and_ends(
    tmp_path: Path, database_url: str, amqp_url: str, database: asyncpg.Connection
) -> None:
    async with cluster(tmp_path, database_url, amqp_url, database, {}) as world:
        first = world.executor()
        world.attune.worker(slots=16)
        async with world.load():
            await asyncio.sleep(2)
            paused = world.urls[first]
            paused.pause()
            world.executor()
            del world.urls[first]
            (epoch,) = [epoch for _, epoch in (await world.owners()).values()]
            paused.resume()
            deadline = time.monotonic() + DEADLINE_SECONDS
            while paused.running:
                assert time.monotonic() < deadline, paused.log()
                await asyncio.sleep(0.1)
            assert "another executor has taken shard 0 over" in paused.log()
            assert [epoch for _, epoch in (await world.owners()).values()] == [epoch]
        await world.check_all_done()
        assert paused.stop() == EXIT_TAKEN_OVER
