"""The runbook's statements tell the truth about what an engine did, and the engine heeds what they change."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

import asyncpg
import pytest

from attune_executor.adapters.clock import SystemClock
from attune_executor.adapters.memory import MemoryBroker
from attune_executor.adapters.postgres import PostgresJournal
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.records import Finished, Started
from attune_executor.domain.submission import ExecutionRequest, Receipt, Refusal, RefusalCode
from attune_executor.engine.engine import Engine
from attune_executor.engine.statistics import Statistics
from attune_executor.engine.turn_loop import TurnSettings
from attune_executor.ports.broker import Dispatch
from integration.runbook import runbook

WEB, MAIL, CRUNCH = "web.fetch", "mail.send", "batch.crunch"
POLICIES = {
    WEB: QueuePolicy(concurrency=2, max_queue_length=4),
    MAIL: QueuePolicy(concurrency=1),
    CRUNCH: QueuePolicy(concurrency=4),
}
FIVE_MINUTES_LATER = "UPDATE attune.queue_snapshots SET snapshot_time = snapshot_time - interval '5 minutes'"
DEADLINE_SECONDS = 60


class World:
    """A database, a broker with a worker that reports what a test says, and the engines that come and go."""

    def __init__(self, url: str, database: asyncpg.Connection) -> None:
        self.url = url
        self.database = database
        self.broker = MemoryBroker()
        self.broker.add_worker()
        self.clock = SystemClock()
        self.engine: Engine

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Engine]:
        journal = await PostgresJournal.open(self.url)
        statistics = Statistics(self.clock, journal.queue_stats(), coalesce_seconds=0.01)
        settings = TurnSettings(idle_turn_seconds=0.05)
        self.engine = engine = Engine("one", journal, self.broker, statistics, self.clock, settings)
        running = asyncio.create_task(engine.run())
        try:
            await asyncio.wait({running, asyncio.create_task(engine.started())}, return_when="FIRST_COMPLETED")
            yield engine
        finally:
            engine.stop()
            await running
            await journal.close()

    async def submit(self, ref: str, count: int) -> list[int]:
        """The ids of those accepted."""
        outcomes = await self.engine.submit([ExecutionRequest(ref, b"{}") for _ in range(count)])
        return [outcome.execution_id for outcome in outcomes if isinstance(outcome, Receipt)]

    async def dispatched(self, ref: str, count: int) -> list[Dispatch]:
        """All dispatches of an action, once there are this many."""

        def found() -> list[Dispatch]:
            return [item for item in self.broker.pools.get("default", ()) if item.action_ref == ref]

        async def enough() -> bool:
            return len(found()) >= count

        await until(enough)
        return found()

    def start(self, *dispatches: Dispatch) -> None:
        now = self.clock.now()
        self.broker.report(started=[Started(item.execution_id, item.attempt, "w1", now) for item in dispatches])

    def finish(self, *dispatches: Dispatch, status: ExecutionStatus = ExecutionStatus.SUCCEEDED) -> None:
        now = self.clock.now()
        self.broker.report(
            finished=[Finished(item.execution_id, item.attempt, status, b"{}", "w1", now, now) for item in dispatches]
        )

    async def table_shows(self, ref: str, queue_length: int, active_count: int, total_enqueued: int) -> None:
        """Return once ``attune.queue_stats`` does."""

        async def shown() -> bool:
            row = await self.database.fetchrow(
                "SELECT queue_length, active_count, total_enqueued"
                " FROM attune.queue_stats JOIN attune.action ON id = action_id WHERE ref = $1",
                ref,
            )
            return row is not None and tuple(row) == (queue_length, active_count, total_enqueued)

        await until(shown)

    async def rows(self, name: str, **placeholders: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in await self.database.fetch(runbook(name, **placeholders))]

    async def action_id(self, ref: str) -> str:
        return str(await self.database.fetchval("SELECT id FROM attune.action WHERE ref = $1", ref))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def world(migrated_url: str) -> AsyncIterator[World]:
    database = await asyncpg.connect(migrated_url)
    yield World(migrated_url, database)
    await database.close()


@pytest.fixture
async def busy(world: World) -> AsyncIterator[World]:
    """web: 2 run, 4 wait, 3 refused. mail: 1 succeeded, 1 runs, 1 waits. crunch: 3 succeeded, 1 failed, idle."""
    async with world.running() as engine:
        for ref, policy in POLICIES.items():
            await engine.set_policy(ref, policy)
        assert len(await world.submit(WEB, 9)) == 6
        world.start(*await world.dispatched(WEB, 2))
        for _ in range(3):
            await world.submit(MAIL, 1)
        (mail,) = await world.dispatched(MAIL, 1)
        world.start(mail)
        world.finish(mail)
        world.start((await world.dispatched(MAIL, 2))[1])
        await world.submit(CRUNCH, 4)
        crunches = await world.dispatched(CRUNCH, 4)
        world.finish(*crunches[:3])
        world.finish(crunches[3], status=ExecutionStatus.FAILED)
        await running(world, 3)
        await world.table_shows(WEB, 4, 2, 6)
        await world.table_shows(MAIL, 1, 1, 3)
        await world.table_shows(CRUNCH, 0, 0, 4)
        yield world


async def running(world: World, count: int) -> None:
    async def stored() -> bool:
        query = "SELECT count(*) FROM attune.execution WHERE status = 'running'"
        return bool(await world.database.fetchval(query) == count)

    await until(stored)


async def test_how_the_queues_are(busy: World) -> None:
    assert [row[:4] for row in await busy.rows("active_queues")] == [(WEB, 4, 2, 2), (MAIL, 1, 1, 1)]
    overview = await busy.rows("active_queues_overview")
    assert [(*row[:4], row[5]) for row in overview] == [
        (WEB, 4, 2, 2, Decimal("0.00")),
        (MAIL, 1, 1, 1, Decimal("33.33")),
    ]
    # Minutes that the oldest has waited: since a moment ago, which is not long even on a slow machine.
    assert all(Decimal(0) <= Decimal(str(row[4])) < 5 for row in overview)
    assert await busy.rows("top_actions_by_throughput") == [
        (WEB, 6, 0, 6, Decimal("0.00")),
        (CRUNCH, 4, 4, 0, Decimal("100.00")),
        (MAIL, 3, 1, 2, Decimal("33.33")),
    ]
    assert await busy.rows("daily_top_actions") == [(WEB, 6, 0), (CRUNCH, 4, 4), (MAIL, 3, 1)]
    assert sorted(await busy.rows("daily_active_queues"), key=str) == [(MAIL, 1, 1), (WEB, 4, 2)]
    assert await busy.rows("nagios_max_queue") == [(4,)]
    assert await busy.rows("monitor_recovery") == [(5,)]


async def test_what_was_accepted_and_finished(busy: World) -> None:
    assert sorted(await busy.rows("recent_completions"), key=str) == [
        (1, "failed"),
        (3, "running"),
        (4, "succeeded"),
        (5, "requested"),
    ]
    crunch = await busy.action_id(CRUNCH)
    assert await busy.rows("completion_rate", action_id=crunch) == [(4, 4)]
    # The waiting and running ones of web.fetch are not completed, however lately they changed.
    assert await busy.rows("completion_rate", action_id=await busy.action_id(WEB)) == [(6, 0)]
    await busy.database.execute("UPDATE attune.execution SET created = created - interval '7 minutes'")
    assert await busy.rows("completion_rate", action_id=crunch) == [(0, 4)]
    await busy.database.execute("UPDATE attune.execution SET updated = updated - interval '7 minutes'")
    assert await busy.rows("completion_rate", action_id=crunch) == [(0, 0)]
    assert await busy.rows("recent_completions") == []


async def test_order_is_the_order_of_acceptance(busy: World) -> None:
    found = await busy.rows("fifo_violation_evidence", affected_action_id=await busy.action_id(MAIL))
    assert [row[2] for row in found] == ["succeeded", "running", "requested"]
    starts = await busy.database.fetch(
        "SELECT id FROM attune.execution WHERE action_ref = $1 ORDER BY queue_order", MAIL
    )
    assert [row[0] for row in found] == [row["id"] for row in starts]


async def test_reports_over_time(busy: World) -> None:
    crunch = await busy.action_id(CRUNCH)
    await busy.database.execute(
        """
        UPDATE attune.execution SET
            created = date_trunc('minute', now()) - queue_order * interval '10 minutes',
            updated = date_trunc('minute', now()) - queue_order * interval '10 minutes' + interval '90 seconds'
        WHERE action_ref = $1
        """,
        CRUNCH,
    )
    traffic = await busy.rows("traffic_pattern", action_id=crunch)
    assert [row[1] for row in traffic] == [1, 1, 1, 1]
    assert [row[0] for row in traffic] == sorted((row[0] for row in traffic), key=str, reverse=True)
    assert await busy.rows("action_performance", action_id=crunch) == [(Decimal("90.000000"),)]
    await busy.database.execute(
        """
        UPDATE attune.execution SET
            created = date_trunc('day', now()) - queue_order * interval '12 days' + interval '1 hour',
            updated = date_trunc('day', now()) - queue_order * interval '12 days' + interval '1 hour 1 minute'
        """
    )
    # Orders 1 and 2 of three actions lie within 30 days, and both belong to another day.
    days = await busy.rows("growth_planning")
    assert [row[1:] for row in days] == [(3, Decimal("60.000000"))] * 2


async def test_growth_between_two_snapshots(busy: World) -> None:
    await busy.rows("growth_create_table")
    await busy.rows("growth_take_snapshot")
    assert await busy.rows("growth_rate") == []
    await busy.database.execute(
        "UPDATE attune.queue_snapshots SET snapshot_time = snapshot_time - interval '5 minutes'"
    )
    busy.finish((await busy.dispatched(MAIL, 2))[1])
    await busy.submit(CRUNCH, 9)
    await busy.table_shows(CRUNCH, 5, 4, 13)
    await busy.table_shows(MAIL, 0, 1, 3)
    await busy.rows("growth_take_snapshot")
    # Idle queues are in no snapshot, so what was idle five minutes ago has nothing to be compared with.
    assert await busy.rows("growth_rate") == [(WEB, 4, 4, 0, 0), (MAIL, 0, 1, -1, 0)]
    await busy.database.execute(
        "UPDATE attune.queue_snapshots SET snapshot_time = snapshot_time - interval '5 minutes'"
    )
    await busy.submit(CRUNCH, 2)
    await busy.table_shows(CRUNCH, 7, 4, 15)
    await busy.rows("growth_take_snapshot")
    assert (await busy.rows("growth_rate"))[0] == (CRUNCH, 7, 5, 2, 2)


async def test_stuck_executions_are_found_and_failed_by_hand(busy: World) -> None:
    assert await busy.rows("stuck_running_executions") == []
    await busy.database.execute(
        "UPDATE attune.execution SET updated = now() - interval '15 minutes' WHERE action_ref = $1", WEB
    )
    stuck = [row[0] for row in await busy.rows("stuck_running_executions")]
    first, second = await busy.dispatched(WEB, 2)
    assert sorted(map(str, stuck)) == sorted([str(first.execution_id), str(second.execution_id)])
    identified = await busy.rows("identify_stuck_executions", action_id=await busy.action_id(WEB))
    assert [row[1] for row in identified] == ["running"] * 2 + ["requested"] * 4
    assert {round(float(str(row[4]))) for row in identified} == {15}
    await busy.rows("force_complete", stuck_execution_ids=", ".join(map(str, stuck)))
    assert await busy.rows("stuck_running_executions") == []
    # Both slots go to the next at once.
    third, fourth = (await busy.dispatched(WEB, 4))[2:]
    await busy.table_shows(WEB, 2, 2, 6)
    # The worker was not dead after all: what the operator said stays.
    busy.finish(first, second, third, fourth)
    await busy.table_shows(WEB, 0, 2, 6)
    found = await busy.database.fetch(
        "SELECT status, result ->> 'error' FROM attune.execution WHERE id = ANY($1)", stuck
    )
    assert [tuple(row) for row in found] == [("failed", "Execution stuck, manually failed by operator")] * 2


async def test_stuck_queues_are_those_that_nothing_changed_in(busy: World) -> None:
    assert await busy.rows("stuck_queues") == []
    async with busy.database.transaction():  # in which now() is one moment
        await busy.database.execute("UPDATE attune.queue_stats SET last_updated = now() - interval '45 minutes'")
        assert sorted((row[:4] for row in await busy.rows("stuck_queues")), key=str) == [
            (MAIL, 1, 1, Decimal("45.0")),
            (WEB, 4, 2, Decimal("45.0")),
        ]
        assert sorted(await busy.rows("daily_stuck_queues"), key=str) == [
            (MAIL, 1, Decimal("45.0")),
            (WEB, 4, Decimal("45.0")),
        ]


async def test_disabled_actions_accept_nothing_and_drain(busy: World) -> None:
    await busy.database.execute("UPDATE attune.action SET tags = '[\"low-priority\"]' WHERE ref = $1", CRUNCH)
    await busy.database.execute("UPDATE attune.action SET priority = 4 WHERE ref = $1", WEB)
    await busy.rows("disable_low_priority")

    async def refused() -> bool:
        outcomes = await busy.engine.submit([ExecutionRequest(ref, b"{}") for ref in (CRUNCH, WEB)])
        codes = [outcome.code for outcome in outcomes if isinstance(outcome, Refusal)]
        return codes == [RefusalCode.ACTION_DISABLED] * 2

    await until(refused)
    assert len(await busy.submit(MAIL, 1)) == 1
    busy.finish(*await busy.dispatched(WEB, 2))
    assert len(await busy.dispatched(WEB, 4)) == 4


async def test_cleaning_up_touches_what_is_idle_alone(busy: World) -> None:
    await busy.rows("growth_take_snapshot")
    await busy.database.execute(
        """
        UPDATE attune.queue_stats SET last_updated = last_updated - interval '8 days';
        UPDATE attune.queue_snapshots SET snapshot_time = snapshot_time - interval '31 days' WHERE queue_length = 1;
        """
    )
    await busy.rows("weekly_clean_stats")
    assert await busy.rows("daily_top_actions") == [(WEB, 6, 0), (MAIL, 3, 1)]
    await busy.rows("weekly_clean_snapshots")
    assert await busy.database.fetchval("SELECT array_agg(queue_length) FROM attune.queue_snapshots") == [4]
    # The next execution brings the row back, with its totals.
    await busy.submit(CRUNCH, 1)
    await busy.table_shows(CRUNCH, 0, 1, 5)


@pytest.mark.parametrize("name", ["weekly_clean_stats", "clear_stale_stats"])
async def test_cleaning_up_restarts_no_counter(world: World, name: str) -> None:
    """Neither total may start over, whatever of the statistics and the executions is deleted."""
    async with world.running() as engine:
        await engine.set_policy(WEB, POLICIES[WEB])
        assert len(await world.submit(WEB, 9)) == 6
        world.finish(*await world.dispatched(WEB, 2))
        world.finish(*(await world.dispatched(WEB, 4))[2:])
        world.finish(*(await world.dispatched(WEB, 6))[4:])
        await world.table_shows(WEB, 0, 0, 6)
    await world.database.execute("UPDATE attune.queue_stats SET last_updated = last_updated - interval '8 days'")
    await world.rows(name)
    assert await world.rows("daily_top_actions") == []
    await world.database.execute("DELETE FROM attune.execution")
    async with world.running() as engine:
        stats = engine.stats_of(WEB)
        assert stats is not None
        assert (stats.total_enqueued, stats.total_completed, stats.total_rejected) == (6, 6, 3)
        await world.submit(WEB, 1)
        await world.table_shows(WEB, 0, 1, 7)
    orders = await world.database.fetch("SELECT queue_order FROM attune.execution")
    assert [row["queue_order"] for row in orders] == [7]
