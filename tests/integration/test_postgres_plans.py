"""How PostgreSQL carries a turn out once it has measured a table of finished executions."""

import re
from datetime import date
from pathlib import Path

import asyncpg
import pytest

from attune_executor.adapters.postgres.shard_writer import PLANNING
from attune_executor.adapters.postgres.statements import statement

FINISHED = """
INSERT INTO attune.execution (id, action, action_ref, status, parameters, queue_order)
SELECT n, 1, 'core.echo', 'succeeded', '{}', n FROM generate_series(1, 20000) AS n
"""


DAYS = """
INSERT INTO attune.execution_day
SELECT '2026-01-01'::date + day, action, 1, 1, 0, 0, 0, 1, 1, 1
FROM generate_series(1, 400) AS day, generate_series(1, 100) AS action
"""
SNAPSHOTS = """
INSERT INTO attune.queue_snapshots (snapshot_time, action_id, queue_length, active_count, total_enqueued)
SELECT to_timestamp(n / 10 * 300), n % 10, 1, 1, 1 FROM generate_series(1, 50000) AS n
"""


@pytest.mark.parametrize(
    ("name", "arguments", "filling", "index"),
    [
        ("execution_days", (date(2027, 1, 1), None), DAYS, "execution_day_pkey"),
        ("execution_days", (date(2027, 1, 1), 7), DAYS, "execution_day_pkey"),
        ("nearest_snapshot", (900_000.0, 899_700.0, 900_240.0), SNAPSHOTS, "queue_snapshots_time"),
    ],
)
async def test_growth_reads_what_it_shows_alone(
    migrated_url: str, name: str, arguments: tuple[object, ...], filling: str, index: str
) -> None:
    database = await asyncpg.connect(migrated_url)
    await database.execute(filling)
    await database.execute("VACUUM ANALYZE attune.execution_day, attune.queue_snapshots")
    plan = "\n".join(row[0] for row in await database.fetch(f"EXPLAIN {statement(name)}", *arguments))
    assert index in plan
    assert "Seq Scan" not in plan
    await database.close()


@pytest.mark.parametrize("filling", ["SELECT", FINISHED])
async def test_a_turn_looks_every_execution_up_by_its_key(migrated_url: str, filling: str) -> None:
    database = await asyncpg.connect(migrated_url, server_settings=dict(PLANNING))
    await database.execute(filling)
    await database.execute("VACUUM ANALYZE attune.execution")
    commit = await database.prepare(statement("commit"))
    count = len(commit.get_parameters())
    await database.execute(f"PREPARE turn AS {statement('commit')}")
    plan = await database.fetch(f"EXPLAIN EXECUTE turn ({', '.join(['NULL'] * count)})")
    scans = [row[0].strip() for row in plan if " on execution " in row[0] and "Scan" in row[0]]
    assert len(scans) == 5
    assert {scan.split(" on ")[0] for scan in scans} == {"->  Index Scan using execution_pkey"}
    await database.close()


async def test_the_documented_query_for_stuck_executions_reads_open_ones_alone(migrated_url: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "database.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    database = await asyncpg.connect(migrated_url)
    await database.execute(FINISHED)
    await database.execute("UPDATE attune.execution SET status = 'running', updated = '2020-01-01' WHERE id % 1000 = 7")
    await database.execute("VACUUM ANALYZE attune.execution")
    plan = await database.fetch(f"EXPLAIN {query}")
    assert len(await database.fetch(query)) == 10
    assert any("Index Scan using execution_open" in row[0] for row in plan), plan
    await database.close()
