"""What only a real database can do to maintenance, and maintenance to the turns."""

import asyncio
from collections.abc import AsyncIterator
from unittest.mock import ANY

import asyncpg
import pytest

from attune_executor.adapters.clock import SystemClock
from attune_executor.adapters.memory import MemoryBroker
from attune_executor.adapters.postgres import PostgresJournal, PostgresMaintenance
from attune_executor.adapters.postgres.shard_writer import Fence
from attune_executor.adapters.postgres.statements import statement
from attune_executor.domain.maintenance import Task
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.records import TurnRecord
from attune_executor.engine.engine import Engine
from attune_executor.engine.maintenance import Maintenance
from attune_executor.engine.statistics import Statistics
from attune_executor.ports.journal import JournalError

NOW = 1_900_000_000.0
DEADLINE_SECONDS = 60
FINISHED = """
INSERT INTO attune.execution (id, action, action_ref, status, parameters, queue_order, created, updated)
SELECT n, 1, 'core.echo', 'succeeded', '{}', n, now() - interval '40 days', now() - interval '40 days'
FROM generate_series(1, 5000) AS n
"""
SNAPSHOTS = """
INSERT INTO attune.queue_snapshots (snapshot_time, action_id, queue_length, active_count, total_enqueued)
SELECT now() - interval '1 minute' * n, 1, 1, 1, 1 FROM generate_series(1, 5000) AS n
"""
WAITING_FOR_A_LOCK = """
SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""
BUSY = "INSERT INTO attune.queue_stats VALUES (1, 3, 1, 1, now(), 9, 5, 2, now())"


@pytest.fixture
async def journal(migrated_url: str) -> AsyncIterator[PostgresJournal]:
    journal = await PostgresJournal.open(migrated_url)
    await journal.acquire("first")
    assert (await journal.save_policies({"core.echo": QueuePolicy(concurrency=1)}))["core.echo"] == 1
    yield journal
    await journal.close()


@pytest.fixture
async def maintenance(migrated_url: str, journal: PostgresJournal) -> AsyncIterator[PostgresMaintenance]:
    maintenance = await PostgresMaintenance.open(migrated_url, journal.fence)
    yield maintenance
    maintenance.close()


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[asyncpg.Connection]:
    database = await asyncpg.connect(migrated_url)
    yield database
    await database.close()


async def test_a_batch_waits_for_no_turn(
    database: asyncpg.Connection, journal: PostgresJournal, maintenance: PostgresMaintenance
) -> None:
    await database.execute(FINISHED)
    async with asyncio.timeout(DEADLINE_SECONDS), database.transaction():
        await database.execute("UPDATE attune.executor_shard SET renewed_at = now()")
        assert (await maintenance.delete_executions(NOW, 0, 1000)).deleted == 1000
    await journal.commit(TurnRecord())


async def test_no_turn_waits_for_a_batch(database: asyncpg.Connection, journal: PostgresJournal) -> None:
    await database.execute(FINISHED)
    fence = journal.fence()
    async with database.transaction():
        row = await database.fetchrow(
            statement("delete_executions"), fence.shard, fence.claim, fence.epoch, NOW, 0, 5000
        )
        assert row is not None
        assert row["deleted"] == 5000
        async with asyncio.timeout(DEADLINE_SECONDS):
            await journal.commit(TurnRecord(publish_order=1))


@pytest.mark.parametrize(
    ("name", "arguments", "filling"),
    [("delete_executions", (NOW, 0, 1000), FINISHED), ("delete_snapshots", (NOW, 1000), SNAPSHOTS)],
)
async def test_a_batch_reads_no_table_from_end_to_end(
    database: asyncpg.Connection, journal: PostgresJournal, name: str, arguments: tuple[object, ...], filling: str
) -> None:
    await database.execute(filling)
    await database.execute("ANALYZE")
    fence = journal.fence()
    plan = await database.fetch(f"EXPLAIN {statement(name)}", fence.shard, fence.claim, fence.epoch, *arguments)
    text = "\n".join(row[0] for row in plan)
    assert "Tid Scan" in text
    assert "Seq Scan on execution " not in text
    assert "Seq Scan on queue_snapshots" not in text


async def test_counting_reads_the_executions_of_an_action_by_their_index(
    database: asyncpg.Connection, journal: PostgresJournal
) -> None:
    await database.execute(FINISHED)
    await database.execute("VACUUM ANALYZE attune.execution")
    fence = journal.fence()
    counting = (statement("count_days"), fence.shard, fence.claim, fence.epoch, 1, NOW, 1000)
    looking = (statement("uncounted_actions"), NOW)
    for question, *arguments in (counting, looking):
        plan = await database.fetch(f"EXPLAIN {question}", *arguments)
        assert any("Index Scan using execution_action_queue_order_key" in row[0] for row in plan), plan
        assert not any("Seq Scan on execution " in row[0] for row in plan), plan


async def test_of_two_owners_that_overlap_one_does_the_task(
    database: asyncpg.Connection, maintenance: PostgresMaintenance
) -> None:
    await database.execute(BUSY)
    first = await maintenance.snapshot_queues(NOW, None)
    async with database.transaction():
        await database.execute("UPDATE attune.maintenance_run SET started_at = started_at + interval '5 minutes'")
        second = asyncio.create_task(maintenance.snapshot_queues(NOW + 300, first))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await database.fetchval(WAITING_FOR_A_LOCK) != 1:
                await asyncio.sleep(0.01)
                await database.execute("SELECT pg_stat_clear_snapshot()")
    with pytest.raises(JournalError, match="another owner"):
        await second
    assert await database.fetchval("SELECT count(*) FROM attune.queue_snapshots") == 1


async def test_an_unreachable_server_is_a_journal_error() -> None:
    def never_acquired() -> Fence:
        raise JournalError("not acquired")

    maintenance = await PostgresMaintenance.open("postgresql://attune:x@127.0.0.1:1/attune", never_acquired)
    with pytest.raises(JournalError, match="last run"):
        await maintenance.last_run(Task.SNAPSHOT_QUEUES)
    with pytest.raises(JournalError, match="not acquired"):
        await maintenance.delete_snapshots(NOW, 10)
    maintenance.close()


@pytest.mark.parametrize(
    "deletion", ["DELETE FROM attune.execution", "DELETE FROM attune.execution WHERE queue_order > 10"]
)
async def test_whoever_deletes_executions_keeps_the_last_order(
    database: asyncpg.Connection, journal: PostgresJournal, deletion: str
) -> None:
    await database.execute(FINISHED)
    await database.execute(deletion)
    assert [action.last_order for action in await journal.actions()] == [5000]


async def test_a_deletion_that_is_rolled_back_keeps_nothing(
    database: asyncpg.Connection, journal: PostgresJournal
) -> None:
    await database.execute(FINISHED)
    transaction = database.transaction()
    await transaction.start()
    await database.execute("DELETE FROM attune.execution")
    await transaction.rollback()
    await database.execute("DELETE FROM attune.execution WHERE queue_order < 5000")
    assert await database.fetchval("SELECT last_order FROM attune.action") == 0
    assert [action.last_order for action in await journal.actions()] == [5000]


async def test_an_engine_does_the_maintenance(
    database: asyncpg.Connection, journal: PostgresJournal, maintenance: PostgresMaintenance
) -> None:
    await database.execute(FINISHED)
    await database.execute(SNAPSHOTS)
    clock = SystemClock()
    engine = Engine(
        "one",
        journal,
        MemoryBroker(),
        Statistics(clock, journal.queue_stats()),
        clock,
        maintenance=Maintenance(maintenance, clock),
    )
    running = asyncio.create_task(engine.run())
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not all(report.last is not None for report in engine.tasks()):
            assert not running.done()
            await asyncio.sleep(0.01)
    engine.stop()
    await running
    kept = await database.fetch("SELECT task, rows FROM attune.maintenance_run")
    assert {row["task"]: row["rows"] for row in kept} == {
        "snapshot-queues": 0,
        "clean-queue-stats": 0,
        "delete-snapshots": 0,
        "count-days": ANY,
        "delete-executions": 5000,
    }
    assert await database.fetchval("SELECT count(*) FROM attune.execution") == 0
    days = await database.fetch("SELECT executions, succeeded, unfinished FROM attune.execution_day")
    assert [tuple(day) for day in days] == [(5000, 5000, 0)], "however many tasks count, each execution counts once"


async def test_of_two_owners_that_count_at_once_each_execution_is_counted_once(
    database: asyncpg.Connection, maintenance: PostgresMaintenance
) -> None:
    await database.execute(FINISHED)
    assert await maintenance.count_days(1, NOW, 1000) == (1000, True)
    async with database.transaction():
        await database.execute("UPDATE attune.execution_counted SET last_order = 2000")
        second = asyncio.create_task(maintenance.count_days(1, NOW, 1000))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await database.fetchval(WAITING_FOR_A_LOCK) != 1:
                await asyncio.sleep(0.01)
                await database.execute("SELECT pg_stat_clear_snapshot()")
    assert (await second).executions == 0
    assert await database.fetchval("SELECT sum(executions) FROM attune.execution_day") == 1000
    assert await maintenance.count_days(1, NOW, 10_000) == (3000, False)


async def test_counting_waits_for_no_turn(
    database: asyncpg.Connection, journal: PostgresJournal, maintenance: PostgresMaintenance
) -> None:
    await database.execute(FINISHED)
    async with asyncio.timeout(DEADLINE_SECONDS), database.transaction():
        await database.execute("UPDATE attune.executor_shard SET renewed_at = now()")
        await database.execute("UPDATE attune.action SET rate_marks = '[]'")
        assert (await maintenance.count_days(1, NOW, 1000)).executions == 1000
    await journal.commit(TurnRecord())
