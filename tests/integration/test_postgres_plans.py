"""How PostgreSQL carries a turn out once it has measured a table of finished executions."""

import re
from pathlib import Path

import asyncpg
import pytest

from attune_executor.adapters.postgres.shard_writer import PLANNING
from attune_executor.adapters.postgres.statements import statement

FINISHED = """
INSERT INTO attune.execution (id, action, action_ref, status, parameters, queue_order)
SELECT n, 1, 'core.echo', 'succeeded', '{}', n FROM generate_series(1, 20000) AS n
"""


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
