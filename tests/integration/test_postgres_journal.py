"""What only a real database can do to a journal: racing owners, lost answers, outages, values it refuses."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from attune_executor.adapters.postgres import PostgresJournal
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.queue_manager import ExecutionQueueManager
from attune_executor.domain.records import Accepted, Dispatched, Finished, Started, TurnRecord
from attune_executor.domain.submission import ExecutionRequest
from attune_executor.ports.journal import FencedError, JournalError
from contract.journal_rig import open_ids
from testbed.services.postgres import PostgresServer

REF = "core.echo"
NOW = 1_700_000_000.0
DEADLINE_SECONDS = 60


@pytest.fixture
async def journal(migrated_url: str) -> AsyncIterator[PostgresJournal]:
    """A journal that owns the shard and knows action 1."""
    journal = await PostgresJournal.open(migrated_url, command_seconds=DEADLINE_SECONDS)
    await journal.acquire("first")
    assert (await journal.save_policies({REF: QueuePolicy(concurrency=2)}))[REF] == 1
    yield journal
    await journal.close()


@pytest.fixture
async def rival(migrated_url: str) -> AsyncIterator[PostgresJournal]:
    journal = await PostgresJournal.open(migrated_url, command_seconds=DEADLINE_SECONDS)
    yield journal
    await journal.close()


def accepting(*execution_ids: int) -> TurnRecord:
    return TurnRecord(
        accepted=[
            Accepted(execution_id, 1, REF, execution_id, b'{"n":1}', None, NOW, None) for execution_id in execution_ids
        ]
    )


@asynccontextmanager
async def shard_locked(url: str) -> AsyncGenerator[asyncpg.Connection]:
    """Hold the lock that every owner needs, so that a test decides who gets it first; yields another connection."""
    holder, observer = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        async with holder.transaction():
            await holder.execute("SELECT FROM attune.executor_shard FOR UPDATE")
            yield observer
    finally:
        await holder.close()
        await observer.close()


async def waiting_for_lock(observer: asyncpg.Connection, count: int) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await observer.fetchval(query) != count:
            await asyncio.sleep(0.01)


async def test_an_owner_that_wins_the_race_is_seen_whole_by_its_successor(
    migrated_url: str, journal: PostgresJournal, rival: PostgresJournal
) -> None:
    async with shard_locked(migrated_url) as observer:
        commit = asyncio.create_task(journal.commit(accepting(1, 2)))
        await waiting_for_lock(observer, 1)
        acquisition = asyncio.create_task(rival.acquire("second"))
        await waiting_for_lock(observer, 2)
    await commit
    await acquisition
    assert await open_ids(rival) == [1, 2]


async def test_an_owner_that_loses_the_race_writes_nothing(
    migrated_url: str, journal: PostgresJournal, rival: PostgresJournal
) -> None:
    await journal.commit(accepting(1))
    async with shard_locked(migrated_url) as observer:
        acquisition = asyncio.create_task(rival.acquire("second"))
        await waiting_for_lock(observer, 1)
        # Its snapshot is older than the new owner's acquisition: only the fence's second look can stop it.
        commit = asyncio.create_task(
            journal.commit(
                TurnRecord(
                    accepted=accepting(2).accepted,
                    finished=[Finished(1, 1, ExecutionStatus.FAILED, None, None, None, NOW)],
                )
            )
        )
        await waiting_for_lock(observer, 2)
    await acquisition
    with pytest.raises(FencedError):
        await commit
    assert await open_ids(rival) == [1]


async def test_owners_that_race_for_real(migrated_url: str) -> None:
    """Whatever the old owner was told is committed the new one sees at once; nothing comes later."""
    committed: list[int] = []

    async def keep_committing(owner: PostgresJournal, first_id: int) -> None:
        execution_id = first_id
        while True:
            await owner.commit(accepting(execution_id))
            committed.append(execution_id)
            execution_id += 1

    current = await PostgresJournal.open(migrated_url)
    await current.acquire("0")
    await current.save_policies({REF: QueuePolicy(concurrency=2)})
    for generation in range(1, 15):
        before = len(committed)
        work = asyncio.create_task(keep_committing(current, generation * 1_000_000))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(committed) == before:
                await asyncio.sleep(0.002 * generation)
        successor = await PostgresJournal.open(migrated_url)
        await successor.acquire(str(generation))
        seen = await open_ids(successor)
        with pytest.raises(FencedError):
            await work
        assert seen == committed
        assert await open_ids(successor) == committed
        await current.close()
        current = successor
    await current.close()


async def test_a_lost_answer_is_settled_before_anything_is_read(migrated_url: str, journal: PostgresJournal) -> None:
    async with shard_locked(migrated_url) as observer:
        commit = asyncio.create_task(journal.commit(accepting(1)))
        await waiting_for_lock(observer, 1)
        commit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await commit
        # The server is still at it and would write once the lock is free.
        reading = asyncio.create_task(open_ids(journal))
        await waiting_for_lock(observer, 2)
    seen = await reading
    await journal.commit(accepting(2))
    assert await open_ids(journal) == [*seen, 2]


async def test_a_lost_owner_learns_it_while_settling(
    migrated_url: str, journal: PostgresJournal, rival: PostgresJournal
) -> None:
    async with shard_locked(migrated_url) as observer:
        commit = asyncio.create_task(journal.commit(accepting(1)))
        await waiting_for_lock(observer, 1)
        commit.cancel()
        await asyncio.gather(commit, return_exceptions=True)
    await rival.acquire("second")
    for _ in range(2):
        with pytest.raises(FencedError):
            await open_ids(journal)
        with pytest.raises(FencedError):
            await journal.actions()
        with pytest.raises(FencedError):
            await journal.commit(accepting(3))


async def test_a_killed_server_is_an_unknown_outcome_and_work_goes_on_after_it(
    postgres_server: PostgresServer, journal: PostgresJournal
) -> None:
    await journal.commit(accepting(1))
    await asyncio.to_thread(postgres_server.kill)
    try:
        with pytest.raises(JournalError):
            await journal.commit(accepting(2))
        with pytest.raises(JournalError):
            await journal.execution(1)
        with pytest.raises(JournalError):
            await open_ids(journal)
    finally:
        await asyncio.to_thread(postgres_server.start)
    assert await open_ids(journal) == [1]
    await journal.commit(accepting(2))
    assert await open_ids(journal) == [1, 2]


async def test_a_frozen_server_is_away_within_the_limit(postgres_server: PostgresServer, migrated_url: str) -> None:
    journal = await PostgresJournal.open(migrated_url, command_seconds=3)
    await journal.acquire("first")
    await journal.save_policies({REF: QueuePolicy(concurrency=2)})
    postgres_server.pause()
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            with pytest.raises(JournalError):
                await journal.commit(accepting(1))
    finally:
        postgres_server.resume()
    seen = await open_ids(journal)
    await journal.commit(accepting(2))
    assert await open_ids(journal) == [*seen, 2]
    await journal.close()


async def test_a_worker_with_a_mad_clock_and_name_does_not_take_its_turn_along(journal: PostgresJournal) -> None:
    await journal.commit(accepting(1, 2, 3))
    await journal.commit(
        TurnRecord(
            started=[Started(3, 1, "w\0", float("-inf"))],
            finished=[
                Finished(1, 1, ExecutionStatus.SUCCEEDED, b"1", "w\0", float("nan"), NOW),
                Finished(2, 1, ExecutionStatus.SUCCEEDED, b"2", "w", 1e300, NOW),
            ],
        )
    )
    stored = [await journal.execution(execution_id) for execution_id in (1, 2)]
    assert [row and (row.status.value, row.result, row.worker) for row in stored] == [
        ("succeeded", b"1", "w\ufffd"),
        ("succeeded", b"2", "w"),
    ]


async def test_turns_find_rows_by_key_and_mostly_update_in_place(migrated_url: str, journal: PostgresJournal) -> None:
    """The plan was made when the table was empty; it must not read the table as that grows."""
    size = 200
    for turn in range(10):
        ids = range(turn * size + 1, (turn + 1) * size + 1)
        await journal.commit(accepting(*ids))
        await journal.commit(TurnRecord(dispatched=[Dispatched(each, 1, each) for each in ids]))
        await journal.commit(TurnRecord(started=[Started(each, 1, "w", NOW) for each in ids]))
        await journal.commit(
            TurnRecord(finished=[Finished(each, 1, ExecutionStatus.SUCCEEDED, b"1", "w", NOW, NOW) for each in ids])
        )
    await journal.close()
    connection = await asyncpg.connect(migrated_url)
    statistics = "SELECT * FROM pg_stat_user_tables WHERE schemaname = 'attune' AND relname = 'execution'"
    async with asyncio.timeout(DEADLINE_SECONDS):
        # A server process reports its numbers when its connection ends.
        while (row := await connection.fetchrow(statistics)) is None or row["n_tup_upd"] < 30 * size:
            await asyncio.sleep(0.05)
    await connection.close()
    assert row["seq_scan"] == 0
    assert row["n_tup_hot_upd"] > 0.9 * 20 * size


async def test_what_one_turn_accepts_is_in_order_by_created_as_the_runbook_lists_it(
    migrated_url: str, journal: PostgresJournal
) -> None:
    manager = ExecutionQueueManager()
    ids = await journal.save_policies({ref: QueuePolicy(concurrency=1) for ref in ("a", "b")})
    for ref, action_id in ids.items():
        manager.set_policy(action_id, ref, QueuePolicy(concurrency=1), time.time())
    for turn in (1, 2):
        now = time.time()
        for number in range(3000):
            # Ids descend, so that nothing else brings the rows into order.
            manager.submit(ExecutionRequest("ab"[number % 2], b"{}"), 10_000 * turn - number, now)
        await journal.commit(manager.close_turn(0, now).record)
    connection = await asyncpg.connect(migrated_url)
    rows = await connection.fetch("SELECT action, queue_order FROM attune.execution ORDER BY created")
    ahead = await connection.fetchval("SELECT count(*) FROM attune.execution WHERE created > now()")
    await connection.close()
    for action_id in ids.values():
        assert [row["queue_order"] for row in rows if row["action"] == action_id] == list(range(1, 3001))
    assert ahead == 0


async def test_a_journal_reads_on_after_idle_connections_were_cut(migrated_url: str, journal: PostgresJournal) -> None:
    await journal.commit(accepting(1))
    connection = await asyncpg.connect(migrated_url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                assert await open_ids(journal) == [1]
                await journal.commit(accepting(2))
                break
            except FencedError:
                raise
            except JournalError:
                await asyncio.sleep(0.01)
    assert await open_ids(journal) == [1, 2]
