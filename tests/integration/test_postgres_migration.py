"""Databases that are empty, current, newer, or in somebody else's hands."""

import asyncio

import asyncpg
import pytest

from attune_executor.adapters.postgres import check_schema
from attune_executor.adapters.postgres.migration import migrate
from attune_executor.adapters.postgres.migrations.versions import v0001_queues
from attune_executor.ports.journal import JournalError, SchemaError
from testbed.services.postgres import PostgresServer


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def test_an_empty_database_names_the_command(database_url: str) -> None:
    with pytest.raises(SchemaError, match=r"not there.*run `attune-executor migrate`"):
        await check_schema(database_url)


async def test_migrating_makes_it_current_and_twice_changes_nothing(database_url: str) -> None:
    first = await migrate(database_url)
    await check_schema(database_url)
    await execute(database_url, "INSERT INTO attune.action (ref) VALUES ('kept')")
    assert await migrate(database_url) == first
    await check_schema(database_url)
    await execute(database_url, "DO $$ BEGIN ASSERT (SELECT count(*) FROM attune.action) = 1; END $$")


async def test_many_starters_do_not_race(database_url: str) -> None:
    versions = await asyncio.gather(*(migrate(database_url) for _ in range(5)))
    assert len(set(versions)) == 1
    await check_schema(database_url)


async def test_a_newer_database_is_refused(migrated_url: str) -> None:
    await execute(migrated_url, "UPDATE attune.alembic_version SET version_num = '9999'")
    for refused in (check_schema(migrated_url), migrate(migrated_url)):
        with pytest.raises(SchemaError, match=r"version 9999.*newer release"):
            await refused


async def test_a_failed_migration_leaves_nothing_behind(database_url: str) -> None:
    await execute(database_url, "CREATE SCHEMA attune; CREATE TABLE attune.queue_stats (mine int)")
    with pytest.raises(JournalError, match="queue_stats"):
        await migrate(database_url)
    await execute(database_url, "DO $$ BEGIN ASSERT to_regclass('attune.action') IS NULL; END $$")


async def test_an_absent_server_is_a_journal_error() -> None:
    with pytest.raises(JournalError, match="away"):
        await migrate("postgresql://attune:secret@127.0.0.1:1/attune")


async def test_a_wrong_password_is_not_repeated_in_the_error(postgres_server: PostgresServer) -> None:
    url = f"postgresql://attune:not-the-password@127.0.0.1:{postgres_server.port}/attune"
    with pytest.raises(JournalError) as refusal:
        await check_schema(url)
    assert "password authentication failed" in str(refusal.value)
    assert "not-the-password" not in str(refusal.value)


async def test_an_action_with_executions_cannot_be_deleted(migrated_url: str) -> None:
    await execute(
        migrated_url,
        "INSERT INTO attune.action (ref) VALUES ('used'), ('unused');"
        "INSERT INTO attune.execution (id, action, action_ref, status, parameters, queue_order)"
        " VALUES (1, 1, 'used', 'succeeded', '{}', 1)",
    )
    await execute(migrated_url, "DELETE FROM attune.action WHERE ref = 'unused'")
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="action used has executions"):
        await execute(migrated_url, "DELETE FROM attune.action WHERE ref = 'used'")


async def test_totals_and_policies_of_an_older_database_are_kept(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("CREATE SCHEMA attune")
    for text in v0001_queues.STATEMENTS:
        await connection.execute(text)
    await connection.execute(
        "CREATE TABLE attune.alembic_version (version_num varchar(32) PRIMARY KEY);"
        "INSERT INTO attune.alembic_version VALUES ('0001');"
        "INSERT INTO attune.action (ref, policy) VALUES ('used', '{\"concurrency\": 5}'), ('fresh', NULL);"
        "INSERT INTO attune.queue_stats VALUES (1, 0, 0, 5, NULL, 70, 70, 3, now())"
    )
    await migrate(database_url)
    rows = await connection.fetch("SELECT last_order, total_rejected, governed FROM attune.action ORDER BY id")
    assert [tuple(row) for row in rows] == [(70, 3, True), (0, 0, False)]
    counted = await connection.fetch("SELECT action, last_order FROM attune.execution_counted ORDER BY action")
    assert [tuple(row) for row in counted] == [(1, 70), (2, 0)], "what is gone already is in no day"
    await connection.close()
