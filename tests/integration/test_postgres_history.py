"""A page of executions costs what a page costs, in a table of 200,000 as in any: the server counts the rows read."""

from itertools import product

import asyncpg

from attune_executor.adapters.postgres import PostgresExecutionHistory
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.ports.history import HistoryQuery

ROWS, EXAMINED = 200_000, 1000
FILL = """
INSERT INTO attune.action (ref) VALUES ('core.busy'), ('core.rare');
INSERT INTO attune.execution (id, action, action_ref, status, parameters, queue_order)
SELECT id, 1 + (id % 1000 = 0)::integer, 'core', CASE WHEN id > 190000 THEN 'requested' ELSE 'succeeded' END, '{}', id
FROM generate_series(1, 200000) AS id;
"""
ROWS_READ = """
SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE schemaname = 'attune' AND relname = 'execution'
"""


async def test_no_page_reads_more_than_it_may_look_at(migrated_url: str) -> None:
    connection = await asyncpg.connect(migrated_url)
    await connection.execute(FILL)
    await connection.execute("VACUUM ANALYZE attune.execution")
    await connection.execute("SELECT pg_stat_force_next_flush()")  # what filling and vacuuming read is told by now
    history = await PostgresExecutionHistory.open(migrated_url, examined=EXAMINED)

    async def rows_read() -> int:
        async with history._readers.acquire() as reader:  # pyright: ignore[reportPrivateUsage] - its own statistics
            await reader.execute("SELECT pg_stat_force_next_flush()")
        await connection.execute("SELECT pg_stat_clear_snapshot()")
        return int(await connection.fetchval(ROWS_READ))

    refs = (None, "core.busy", "core.rare")
    statuses = (None, ExecutionStatus.SUCCEEDED, ExecutionStatus.RUNNING)
    for ref, status, oldest_first, after in product(refs, statuses, (False, True), (None, 1000, ROWS // 2)):
        query = HistoryQuery(ref, status, after, oldest_first, limit=100)
        before = await rows_read()
        page = await history.page(query)
        assert page is not None
        # Looked at for the entries, for where to go on, and around the row at `after`.
        assert await rows_read() - before <= 3 * EXAMINED, query
    assert await rows_read() > EXAMINED, "the server counts what is read"
    await history.close()
    await connection.close()
