"""Every SQL statement of the runbook runs as written, as role attune with the default search path, and is right.

Here on made-up rows, each there for a border of one of the queries; ``test_runbook_truth`` asks about a real engine.
"""

from collections.abc import AsyncIterator
from decimal import Decimal

import asyncpg
import pytest

from integration.runbook import NAMES, runbook

# Busy waits and runs, stuck has not moved for 40 minutes, idle and stale are empty, fresh was never used.
DATA = """
INSERT INTO attune.action (ref, priority, tags) VALUES
    ('busy', 5, '["web"]'), ('stuck', 9, '[]'), ('idle', 4, '[]'), ('stale', 5, '["low-priority", "web"]'),
    ('fresh', 10, '[]');

INSERT INTO attune.queue_stats (
    action_id, queue_length, active_count, max_concurrent, oldest_enqueued_at, total_enqueued, total_completed,
    last_updated
) VALUES
    (1, 600, 10, 10, now() - interval '90 seconds', 3000, 2390, now()),
    (2, 0, 3, 5, NULL, 9, 6, now() - interval '40 minutes'),
    (3, 0, 0, 5, NULL, 40, 40, now() - interval '2 hours'),
    (4, 0, 0, 5, NULL, 70, 70, now() - interval '8 days'),
    (5, 0, 0, 5, NULL, 0, 0, now());

INSERT INTO attune.execution (id, action, action_ref, status, parameters, queue_order, created, updated)
SELECT id, action, ref, status, '{}', id, now() - created, now() - created + later
FROM (VALUES
    (1, 1, 'busy', 'succeeded', interval '20 days', interval '9 seconds'),
    (2, 1, 'busy', 'succeeded', '30 minutes', '4 seconds'),
    (3, 1, 'busy', 'succeeded', '2 minutes', '8 seconds'),
    (4, 1, 'busy', 'failed', '2 minutes', '1 minute'),
    (5, 1, 'busy', 'running', '1 minute', '1 minute'),
    (6, 2, 'stuck', 'running', '50 minutes', '5 minutes'),
    (7, 2, 'stuck', 'running', '49 minutes', '5 minutes'),
    (8, 2, 'stuck', 'requested', '48 minutes', '0'),
    (9, 2, 'stuck', 'scheduled', '48 minutes', '0')
) AS execution (id, action, ref, status, created, later);

INSERT INTO attune.queue_snapshots (snapshot_time, action_id, queue_length, active_count, total_enqueued) VALUES
    (now() - interval '31 days', 1, 1, 1, 1),
    (now() - interval '5 minutes', 1, 450, 10, 2700),
    (now() - interval '5 minutes', 2, 7, 3, 9);
"""


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(migrated_url)
    assert await connection.fetchval("SHOW search_path") == '"$user", public'
    assert await connection.fetchval("SELECT current_user") == "attune"
    async with connection.transaction():  # in which now() is one moment, however long a test takes
        await connection.execute(DATA)
        yield connection
    await connection.close()


async def rows(database: asyncpg.Connection, name: str, **placeholders: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await database.fetch(runbook(name, **placeholders))]


@pytest.mark.parametrize("name", NAMES)
async def test_every_statement_runs_on_an_empty_schema(migrated_url: str, name: str) -> None:
    connection = await asyncpg.connect(migrated_url)
    await connection.execute(runbook(name, action_id="1", affected_action_id="1", stuck_execution_ids="1, 2"))
    await connection.close()


async def test_active_queues(database: asyncpg.Connection) -> None:
    found = await rows(database, "active_queues")
    assert [row[:4] for row in found] == [("busy", 600, 10, 10), ("stuck", 0, 3, 5)]
    assert [row[0] for row in await rows(database, "daily_active_queues")] == ["busy", "stuck"]


async def test_active_queues_overview_rounds(database: asyncpg.Connection) -> None:
    found = await rows(database, "active_queues_overview")
    assert [row[:6] for row in found] == [
        ("busy", 600, 10, 10, Decimal("1.5"), Decimal("79.67")),
        ("stuck", 0, 3, 5, None, Decimal("66.67")),
    ]


async def test_top_actions_by_throughput(database: asyncpg.Connection) -> None:
    assert await rows(database, "top_actions_by_throughput") == [
        ("busy", 3000, 2390, 610, Decimal("79.67")),
        ("stale", 70, 70, 0, Decimal("100.00")),
        ("idle", 40, 40, 0, Decimal("100.00")),
        ("stuck", 9, 6, 3, Decimal("66.67")),
    ]
    assert (await rows(database, "daily_top_actions"))[0] == ("busy", 3000, 2390)


async def test_rounding_other_types_is_untouched(database: asyncpg.Connection) -> None:
    assert await database.fetchval("SELECT round(2.345, 2)") == Decimal("2.35")
    assert await database.fetchval("SELECT round(2.5::float8)") == 2.0
    assert await database.fetchval("SELECT round(2::float8 / 3, 2)") == Decimal("0.67")
    assert await database.fetchval("SELECT round(-1234.5::float8, -2)") == Decimal(-1200)
    assert await database.fetchval("SELECT round(NULL::float8, 2)") is None


async def test_stuck_queues(database: asyncpg.Connection) -> None:
    assert [row[:4] for row in await rows(database, "stuck_queues")] == [("stuck", 0, 3, Decimal("40.0"))]
    assert await rows(database, "daily_stuck_queues") == [("stuck", 0, Decimal("40.0"))]


async def test_growth(database: asyncpg.Connection) -> None:
    await rows(database, "growth_create_table")
    await rows(database, "growth_take_snapshot")
    assert await rows(database, "growth_rate") == [("busy", 600, 450, 150, 300), ("stuck", 0, 7, -7, 0)]
    await rows(database, "weekly_clean_snapshots")
    assert await database.fetchval("SELECT count(*) FROM attune.queue_snapshots") == 4


async def test_depths(database: asyncpg.Connection) -> None:
    assert await rows(database, "nagios_max_queue") == [(600,)]
    assert await rows(database, "monitor_recovery") == [(600,)]


async def test_cleaning_stale_statistics(database: asyncpg.Connection) -> None:
    kept = "SELECT array_agg(action_id::int ORDER BY action_id) FROM attune.queue_stats"
    await rows(database, "weekly_clean_stats")
    assert await database.fetchval(kept) == [1, 2, 3, 5]
    await rows(database, "clear_stale_stats")
    assert await database.fetchval(kept) == [1, 2, 5]


async def test_recent_completions(database: asyncpg.Connection) -> None:
    assert sorted(await rows(database, "recent_completions")) == [(1, "failed"), (1, "running"), (1, "succeeded")]
    assert await rows(database, "completion_rate", action_id="1") == [(3, 2)]


async def test_stuck_executions(database: asyncpg.Connection) -> None:
    assert [row[:3] for row in await rows(database, "stuck_running_executions")] == [
        (7, 2, "running"),
        (6, 2, "running"),
    ]
    found = await rows(database, "identify_stuck_executions", action_id="2")
    assert [(row[0], row[1], round(Decimal(str(row[4])))) for row in found] == [
        (6, "running", 45),
        (7, "running", 44),
        (8, "requested", 48),
    ]


async def test_evidence_of_order(database: asyncpg.Connection) -> None:
    found = await rows(database, "fifo_violation_evidence", affected_action_id="2")
    assert [row[0] for row in found][:2] == [6, 7]
    assert {row[0] for row in found} == {6, 7, 8, 9}


async def test_force_complete(database: asyncpg.Connection) -> None:
    await rows(database, "force_complete", stuck_execution_ids="6, 7")
    found = await database.fetch(
        "SELECT status, open, result ->> 'error', now() - updated < interval '1 min'"
        " FROM attune.execution WHERE id IN (6, 7)"
    )
    assert [tuple(row) for row in found] == [
        ("failed", False, "Execution stuck, manually failed by operator", True)
    ] * 2
    assert [row[0] for row in await rows(database, "identify_stuck_executions", action_id="2")] == [8]


async def test_disabling_low_priority(database: asyncpg.Connection) -> None:
    await rows(database, "disable_low_priority")
    found = await database.fetch("SELECT ref FROM attune.action WHERE NOT enabled ORDER BY ref")
    assert [row["ref"] for row in found] == ["idle", "stale"]


async def test_traffic_and_durations(database: asyncpg.Connection) -> None:
    traffic = await rows(database, "traffic_pattern", action_id="1")
    assert sum(int(str(row[1])) for row in traffic) == 4
    assert await rows(database, "action_performance", action_id="1") == [(Decimal("6.000000"),)]
    days = await rows(database, "growth_planning")
    assert sum(int(str(row[1])) for row in days) == 9
    assert round(Decimal(str(days[0][2]))) == 9
