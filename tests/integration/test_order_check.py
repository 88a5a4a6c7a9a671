"""The check of the order, on rows that a correct executor writes and on rows that it never would."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from attune_executor.adapters.postgres import PostgresExecutionHistory
from attune_executor.adapters.postgres.statements import statement
from attune_executor.ports.journal import JournalError

ACTION = "INSERT INTO attune.action (ref) VALUES ($1) RETURNING id"
ROWS = """
INSERT INTO attune.execution (id, action, action_ref, status, parameters, queue_order, dispatch_order, group_key)
SELECT $1 * 1000 + n, $1, 'core.echo', CASE WHEN dispatch_order IS NULL THEN 'requested' ELSE 'scheduled' END, '{}', n,
       dispatch_order, group_key
FROM unnest($2::bigint[], $3::text[]) WITH ORDINALITY AS given (dispatch_order, group_key, n)
"""
FINISHED = """
INSERT INTO attune.execution (id, action, action_ref, status, parameters, queue_order)
SELECT n, $1, 'core.echo', 'succeeded', '{}', n FROM generate_series(1, 20000) AS n
"""


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[asyncpg.Connection]:
    database = await asyncpg.connect(migrated_url)
    yield database
    await database.close()


@pytest.mark.parametrize(
    ("dispatch_orders", "groups", "overtaken"),
    [
        ([], None, 0),
        ([4, 7, 8, None, None], None, 0),
        ([4, None, 8, None], None, 1),
        ([8, 7, None], None, 1),
        ([None, None, 3], None, 2),
        # Each line by itself: that of "a" waits, that of "b" runs.
        ([4, None, None, 8], ["a", "a", "a", "b"], 0),
        ([4, None, 9, 8], ["a", "a", "a", "b"], 1),
    ],
)
async def test_those_are_counted_whom_one_behind_them_overtook(
    database: asyncpg.Connection,
    migrated_url: str,
    dispatch_orders: list[int | None],
    groups: list[str] | None,
    overtaken: int,
) -> None:
    # Another action whose queue is in order, and dispatched later.
    for ref, orders, keys in (("core.echo", dispatch_orders, groups), ("core.calm", [50, None], None)):
        action = await database.fetchval(ACTION, ref)
        await database.execute(ROWS, action, orders, keys or [None] * len(orders))
    history = await PostgresExecutionHistory.open(migrated_url)
    assert await history.overtaken() == overtaken
    await history.close()


async def test_it_reads_open_executions_alone(database: asyncpg.Connection) -> None:
    await database.execute(FINISHED, await database.fetchval(ACTION, "core.echo"))
    await database.execute("VACUUM ANALYZE attune.execution")
    plan = await database.fetch("EXPLAIN " + statement("overtaken").replace("$1", "100"))
    assert any("Index Scan using execution_open" in row[0] for row in plan), plan


async def test_an_outage_is_told_as_such() -> None:
    history = await PostgresExecutionHistory.open("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(JournalError, match="checking the order"):
        await history.overtaken()
    await history.close()
