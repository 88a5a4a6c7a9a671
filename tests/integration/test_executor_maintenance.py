"""A running executor does the maintenance that its configuration asks for."""

import asyncio
from pathlib import Path

import asyncpg

from testbed.attune.processes import AttuneProcesses

DEADLINE_SECONDS = 60
FINISHED = """
INSERT INTO attune.action (ref) VALUES ('core.echo');
INSERT INTO attune.execution (id, action, action_ref, status, parameters, queue_order, created, updated)
SELECT nextval('attune.execution_id'), 1, 'core.echo', 'succeeded', '{}', age, moment, moment
FROM generate_series(1, 20) AS age, LATERAL (SELECT now() - age * interval '1 day' AS moment) AS moments
"""


async def test_what_is_past_its_retention_goes(tmp_path: Path, database_url: str, amqp_url: str) -> None:
    attune = AttuneProcesses(
        tmp_path,
        database_url,
        amqp_url,
        {"core.echo": {"concurrency_limit": 1}},
        {"ATTUNE__EXECUTOR__MAINTENANCE__EXECUTION_RETENTION_DAYS": "10"},
    )
    with attune:
        attune.migrate()
        database = await asyncpg.connect(database_url)
        await database.execute(FINISHED)
        executor = attune.executor()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await database.fetchval("SELECT count(*) FROM attune.maintenance_run") < 5:
                await asyncio.sleep(0.05)
        kept = await database.fetch("SELECT queue_order FROM attune.execution ORDER BY queue_order")
        assert [row["queue_order"] for row in kept] == list(range(1, 10))
        rows = await database.fetchval("SELECT rows FROM attune.maintenance_run WHERE task = 'delete-executions'")
        assert rows == 11
        assert executor.stop() == 0
        await database.close()
