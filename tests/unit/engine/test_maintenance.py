"""Maintenance over time: what runs when, what survives restarts, what failures do."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from unittest.mock import ANY

import pytest

from attune_executor.adapters.memory import JournalStore, ManualClock, MemoryJournal, MemoryMaintenance
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.growth import day_of
from attune_executor.domain.maintenance import DAY, WEEK, MaintenanceRules, Task, TaskReport, TaskRun
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.records import Accepted, Finished, TurnRecord
from attune_executor.domain.stats import Load, QueueStats
from attune_executor.engine import maintenance as engine_maintenance
from attune_executor.engine.maintenance import Maintenance

REF = "core.echo"
START = 1_800_000_000.0 + 17.5


class World:
    """A store, a clock that the test moves, and the owners that come and go."""

    def __init__(self) -> None:
        self.store = JournalStore()
        self.clock = ManualClock(START)
        self.journal = MemoryJournal(self.store)

    @asynccontextmanager
    async def maintained(self, rules: MaintenanceRules | None = None) -> AsyncGenerator[Maintenance]:
        self.journal = MemoryJournal(self.store)
        await self.journal.acquire("one")
        maintenance = Maintenance(
            MemoryMaintenance(self.journal), self.clock, rules, poll_seconds=0.001, first_retry_seconds=0.001
        )
        running = asyncio.create_task(maintenance.run())
        try:
            yield maintenance
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def executions(self, *execution_ids: int, age_days: float) -> None:
        """Executions that were accepted and finished so long ago."""
        then = self.clock.now() - age_days * DAY
        await self.journal.commit(
            TurnRecord(
                accepted=[Accepted(number, 1, REF, number, b"{}", None, then, None) for number in execution_ids],
                finished=[
                    Finished(number, 1, ExecutionStatus.SUCCEEDED, b"{}", "w", then, then) for number in execution_ids
                ],
            )
        )

    def busy(self, last_updated: float, queue_length: int = 1) -> None:
        self.store.stats[1] = QueueStats(1, REF, queue_length, 0, 1, None, 5, 4, 2, last_updated, Load(0.0, None))

    def last(self, task: Task) -> TaskRun | None:
        return self.store.maintenance.get(task)


@pytest.fixture
async def world() -> World:
    world = World()
    await world.journal.acquire("zero")
    await world.journal.save_policies({REF: QueuePolicy(concurrency=1)})
    return world


def report_of(maintenance: Maintenance, task: Task) -> TaskReport:
    return next(report for report in maintenance.report() if report.task is task)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


async def polled() -> None:
    """Every task has looked at the clock several times since it was moved."""
    await asyncio.sleep(0.05)


async def test_snapshots_come_every_five_minutes_of_the_clock(world: World) -> None:
    world.busy(START)
    async with world.maintained():
        await until(lambda: len(world.store.snapshots) == 1)
        grid = (START // 300 + 1) * 300
        world.clock.time = grid - 0.1
        await polled()
        assert len(world.store.snapshots) == 1
        for count in (2, 3, 4):
            world.clock.time = grid + (count - 2) * 300
            await until(lambda count=count: len(world.store.snapshots) == count)
    times = [snapshot.snapshot_time for snapshot in world.store.snapshots]
    assert times == [START, grid, grid + 300, grid + 600]


async def test_a_restart_neither_skips_nor_repeats(world: World) -> None:
    async with world.maintained():
        await until(lambda: len(world.store.maintenance) == len(Task))
    before = dict(world.store.maintenance)
    async with world.maintained() as maintenance:
        await until(lambda: all(report.due_at is not None for report in maintenance.report()))
        await polled()
        assert world.store.maintenance == before
    world.clock.advance(WEEK)
    async with world.maintained():
        await until(lambda: all(world.last(task) != before[task] for task in Task))


async def test_retention_deletes_old_finished_executions_only(world: World) -> None:
    await world.executions(1, 2, age_days=31)
    await world.executions(3, age_days=29)
    async with world.maintained() as maintenance:
        await until(lambda: world.last(Task.DELETE_EXECUTIONS) is not None)
        assert sorted(world.store.executions) == [3]
        await until(lambda: report_of(maintenance, Task.DELETE_EXECUTIONS).last is not None)
        report = report_of(maintenance, Task.DELETE_EXECUTIONS)
        assert report.last is not None
        assert (report.last.rows, report.last.started_at, report.running, report.failure) == (2, START, False, None)
        world.clock.advance(2 * DAY)
        await until(lambda: not world.store.executions)


async def test_zero_days_keep_executions_for_ever(world: World) -> None:
    await world.executions(1, age_days=3000)
    async with world.maintained(MaintenanceRules(execution_retention_days=0)) as maintenance:
        await until(lambda: world.last(Task.DELETE_SNAPSHOTS) is not None)
        await polled()
        assert sorted(world.store.executions) == [1]
        assert not report_of(maintenance, Task.DELETE_EXECUTIONS).enabled


async def test_the_rules_may_change_while_it_runs(world: World) -> None:
    await world.executions(1, 2, age_days=10)
    async with world.maintained(MaintenanceRules(execution_retention_days=0)) as maintenance:
        await until(lambda: world.last(Task.DELETE_SNAPSHOTS) is not None)
        maintenance.rules = MaintenanceRules(snapshots=False, execution_retention_days=9)
        await until(lambda: not world.store.executions)
        on = {report.task for report in maintenance.report() if report.enabled}
        assert on == set(Task) - {Task.SNAPSHOT_QUEUES}


async def test_a_sweep_goes_on_behind_young_executions_and_open_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow executor's block of ids may lie between old ones."""
    monkeypatch.setattr(engine_maintenance, "_BATCH", 2)
    monkeypatch.setattr(engine_maintenance, "_YOUNG_STRETCH", 6)
    await world.executions(*range(1, 5), age_days=1)
    await world.executions(5, 6, 7, age_days=40)
    await world.executions(*range(8, 20), age_days=1)
    await world.executions(20, age_days=40)
    async with world.maintained():
        await until(lambda: world.last(Task.DELETE_EXECUTIONS) is not None)
    # What lies behind a longer stretch of young ones is left for when those are old.
    assert sorted(world.store.executions) == [1, 2, 3, 4, *range(8, 21)]


async def test_statistics_at_rest_for_a_week_go(world: World) -> None:
    world.busy(START - 8 * DAY, queue_length=0)
    async with world.maintained():
        await until(lambda: not world.store.stats)
    (known,) = await world.journal.actions()
    assert known.total_rejected == 2


async def test_old_snapshots_go(world: World) -> None:
    world.busy(START)
    async with world.maintained():
        await until(lambda: len(world.store.snapshots) == 1 and world.last(Task.DELETE_SNAPSHOTS) is not None)
        world.clock.advance(31 * DAY)
        await until(lambda: [row.snapshot_time for row in world.store.snapshots] == [world.clock.now()])


async def test_a_failure_is_reported_and_tried_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.busy(START)
    async with world.maintained() as maintenance:
        world.store.away = True
        await until(lambda: all(report.failure is not None for report in maintenance.report()))
        assert world.store.maintenance == {}
        world.store.away = False
        await until(lambda: len(world.store.maintenance) == len(Task))
        await until(lambda: all(report.failure is None for report in maintenance.report()))
    assert "maintenance failed" in capsys.readouterr().out


async def test_a_task_runs_when_it_is_asked_for(world: World) -> None:
    async with world.maintained() as maintenance:
        await until(lambda: len(world.store.maintenance) == len(Task))
        await until(lambda: not any(report.running for report in maintenance.report()))
        world.clock.advance(1)
        await world.executions(1, age_days=31)

        started = maintenance.start(Task.DELETE_EXECUTIONS)
        assert (started.task, started.running, started.enabled) == (Task.DELETE_EXECUTIONS, True, True)
        assert maintenance.start(Task.DELETE_EXECUTIONS).running, "twice is once"
        await until(lambda: not report_of(maintenance, Task.DELETE_EXECUTIONS).running)

        last = report_of(maintenance, Task.DELETE_EXECUTIONS).last
        assert last is not None
        assert (last.started_at, last.rows) == (START + 1, 1)
        assert not world.store.executions
        await polled()
        assert world.last(Task.DELETE_EXECUTIONS) == report_of(maintenance, Task.DELETE_EXECUTIONS).last
        await until(lambda: report_of(maintenance, Task.DELETE_EXECUTIONS).due_at == (START // 3600 + 1) * 3600)


async def test_what_is_switched_off_is_not_done_however_it_is_asked_for(world: World) -> None:
    await world.executions(1, age_days=3000)
    async with world.maintained(MaintenanceRules(execution_retention_days=0)) as maintenance:
        await until(lambda: world.last(Task.DELETE_SNAPSHOTS) is not None)
        report = maintenance.start(Task.DELETE_EXECUTIONS)
        assert (report.enabled, report.running) == (False, False)
        await polled()
        assert sorted(world.store.executions) == [1]


async def test_asking_is_faster_than_waiting_for_the_next_attempt(world: World) -> None:
    async with world.maintained() as maintenance:
        maintenance_due = report_of(maintenance, Task.SNAPSHOT_QUEUES)
        assert maintenance_due.failures == 0
        await until(lambda: len(world.store.maintenance) == len(Task))
        world.store.away = True
        await until(lambda: not any(report.running for report in maintenance.report()))
        maintenance.start(Task.SNAPSHOT_QUEUES)
        await until(lambda: report_of(maintenance, Task.SNAPSHOT_QUEUES).failure is not None)
        assert report_of(maintenance, Task.SNAPSHOT_QUEUES).failures > 0
        world.store.away = False
        maintenance.start(Task.SNAPSHOT_QUEUES)
        await until(lambda: report_of(maintenance, Task.SNAPSHOT_QUEUES).failure is None)


async def test_days_that_are_over_are_counted_and_outlive_their_executions(world: World) -> None:
    await world.executions(1, 2, age_days=31)
    await world.executions(3, 4, 5, age_days=1)
    await world.executions(6, age_days=0)
    async with world.maintained():
        await until(lambda: world.last(Task.COUNT_DAYS) is not None and world.last(Task.DELETE_EXECUTIONS) is not None)
        assert sorted(world.store.executions) == [3, 4, 5, 6]
        counted = {(START - day * DAY, world.store.days[day_of(START - day * DAY), 1].executions) for day in (31, 1)}
        assert counted == {(START - 31 * DAY, 2), (START - DAY, 3)}
        assert len(world.store.days) == 2, "today is not over"
        world.clock.advance(DAY)
        await until(lambda: len(world.store.days) == 3)
        world.clock.advance(370 * DAY)
        await until(lambda: {day for day, _ in world.store.days} == {day_of(START - DAY), day_of(START)})


async def test_nothing_is_deleted_before_it_is_in_its_day(world: World) -> None:
    await world.executions(1, 2, age_days=31)
    async with world.maintained(MaintenanceRules(growth_retention_days=0)) as maintenance:
        await until(lambda: not world.store.executions)
        assert world.store.days[day_of(START - 31 * DAY), 1].succeeded == 2
        await until(lambda: not any(report.running for report in maintenance.report()))
        world.clock.advance(5000 * DAY)
        await until(lambda: world.last(Task.COUNT_DAYS) == TaskRun(Task.COUNT_DAYS, world.clock.now(), ANY, 0))
        assert len(world.store.days) == 1
