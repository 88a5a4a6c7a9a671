"""What the engine relies on of maintenance, whatever the database."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from attune_executor.adapters.memory import (
    JournalStore,
    MemoryGrowth,
    MemoryJournal,
    MemoryMaintenance,
    MemoryQueueStatsRepository,
)
from attune_executor.adapters.postgres import PostgresGrowth, PostgresJournal, PostgresMaintenance
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.growth import SnapshotRow, day_of
from attune_executor.domain.maintenance import DAY, Task, TaskRun
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.records import Accepted, Finished, TurnRecord
from attune_executor.domain.stats import Load, QueueStats
from attune_executor.ports.growth import GrowthHistory
from attune_executor.ports.journal import Journal, JournalError, QueueStatsRepository
from attune_executor.ports.maintenance import Counted, MaintenanceRepository, Swept

REFS = ("core.echo", "web.fetch")
LONG_AGO = 1_700_000_000.0
NOW = 1_900_000_000.0
"""Later than the database's own clock, which writes when an execution finished."""


class Owner:
    """A journal, with the maintenance and the statistics that stand under its fence."""

    def __init__(
        self,
        journal: Journal,
        maintenance: MaintenanceRepository,
        statistics: QueueStatsRepository,
        growth: GrowthHistory,
    ) -> None:
        self.journal = journal
        self.growth = growth
        self.maintenance = maintenance
        self.statistics = statistics

    async def accept(self, *execution_ids: int, action: int = 1, created: float = LONG_AGO) -> None:
        """Accept executions; their queue orders are their ids."""
        await self.journal.commit(
            TurnRecord(
                accepted=[
                    Accepted(number, action, REFS[action - 1], number, b"{}", f"key-{number}", created, None)
                    for number in execution_ids
                ]
            )
        )

    async def finish(self, *execution_ids: int) -> None:
        await self.journal.commit(
            TurnRecord(
                finished=[
                    Finished(number, 1, ExecutionStatus.SUCCEEDED, b"{}", "w", LONG_AGO, LONG_AGO)
                    for number in execution_ids
                ]
            )
        )

    async def save(self, *stats: QueueStats) -> None:
        await self.statistics.save(stats)

    async def existing(self, *execution_ids: int) -> list[int]:
        return [number for number in execution_ids if await self.journal.execution(number) is not None]

    async def totals(self) -> list[tuple[int, int]]:
        return [(action.last_order, action.total_rejected) for action in await self.journal.actions()]


class Owners:
    """Owners of one shard, one after the other."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._store = JournalStore()
        self._opened: list[tuple[PostgresJournal, PostgresMaintenance, PostgresGrowth]] = []

    async def next(self) -> Owner:
        owner = self._memory() if self._url is None else await self._postgres(self._url)
        await owner.journal.acquire("somebody")
        return owner

    def _memory(self) -> Owner:
        journal = MemoryJournal(self._store)
        statistics = MemoryQueueStatsRepository(self._store)
        return Owner(journal, MemoryMaintenance(journal), statistics, MemoryGrowth(self._store))

    async def _postgres(self, url: str) -> Owner:
        journal = await PostgresJournal.open(url)
        maintenance = await PostgresMaintenance.open(url, journal.fence)
        growth = await PostgresGrowth.open(url)
        self._opened.append((journal, maintenance, growth))
        return Owner(journal, maintenance, journal.queue_stats(), growth)

    async def close(self) -> None:
        for journal, maintenance, growth in self._opened:
            maintenance.close()
            await growth.close()
            await journal.close()


@pytest.fixture(params=["memory", "postgres"])
async def owners(request: pytest.FixtureRequest, migrated_url: str) -> AsyncIterator[Owners]:
    owners = Owners(None if request.param == "memory" else migrated_url)
    yield owners
    await owners.close()


@pytest.fixture
async def owner(owners: Owners) -> Owner:
    """An owner that knows both actions."""
    owner = await owners.next()
    for ref in REFS:
        await owner.journal.save_policies({ref: QueuePolicy(concurrency=2)})
    return owner


def stats(action: int, queue_length: int = 0, active_count: int = 0, last_updated: float = LONG_AGO) -> QueueStats:
    return QueueStats(
        action, REFS[action - 1], queue_length, active_count, 2, None, 9, 9, 4, last_updated, Load(0.0, None)
    )


async def test_busy_queues_are_snapshot_once_for_each_run(owner: Owner) -> None:
    task = Task.SNAPSHOT_QUEUES
    assert await owner.maintenance.last_run(task) is None
    await owner.save(stats(1, queue_length=3), stats(2))
    first = await owner.maintenance.snapshot_queues(NOW, None)
    assert (first.task, first.started_at, first.rows) == (task, NOW, 1)
    assert first.seconds >= 0
    assert await owner.maintenance.last_run(task) == first
    await owner.save(stats(2, active_count=1))
    second = await owner.maintenance.snapshot_queues(NOW + 300, first)
    assert second.rows == 2
    assert await owner.maintenance.delete_snapshots(NOW + 1e6, 100) == 3


async def test_a_run_that_another_owner_did_is_not_repeated(owners: Owners, owner: Owner) -> None:
    await owner.save(stats(1, queue_length=3))
    first = await owner.maintenance.snapshot_queues(NOW, None)
    successor = await owners.next()
    with pytest.raises(JournalError):
        await successor.maintenance.snapshot_queues(NOW + 1, None)
    second = await successor.maintenance.snapshot_queues(NOW + 300, first)
    assert await successor.maintenance.last_run(Task.SNAPSHOT_QUEUES) == second
    assert await successor.maintenance.delete_snapshots(NOW + 1e6, 100) == 2


async def test_a_past_owner_changes_nothing(owners: Owners, owner: Owner) -> None:
    await owner.accept(1)
    await owner.finish(1)
    await owner.save(stats(1), stats(2, queue_length=1))
    snapshot = await owner.maintenance.snapshot_queues(NOW, None)
    successor = await owners.next()
    past = owner.maintenance
    with pytest.raises(JournalError):
        await past.snapshot_queues(NOW + 300, snapshot)
    with pytest.raises(JournalError):
        await past.clean_queue_stats(NOW, NOW, None)
    with pytest.raises(JournalError):
        await past.delete_snapshots(NOW + 1e6, 100)
    with pytest.raises(JournalError):
        await past.delete_executions(NOW, 0, 100)
    with pytest.raises(JournalError):
        await past.count_days(1, NOW, 100)
    with pytest.raises(JournalError):
        await past.delete_days(NOW, 100)
    with pytest.raises(JournalError):
        await past.record(TaskRun(Task.DELETE_EXECUTIONS, NOW, 1.0, 1), None)
    assert await past.last_run(Task.SNAPSHOT_QUEUES) == snapshot
    assert await past.last_run(Task.DELETE_EXECUTIONS) is None
    assert await successor.existing(1) == [1]
    cleaned = await successor.maintenance.clean_queue_stats(NOW, NOW, None)
    assert cleaned.rows == 1
    assert await successor.maintenance.delete_snapshots(NOW + 1e6, 100) == 1


async def test_statistics_at_rest_go_and_leave_their_totals(owner: Owner) -> None:
    await owner.save(stats(1), stats(2, active_count=1))
    run = await owner.maintenance.clean_queue_stats(LONG_AGO + 1, NOW, None)
    assert (run.task, run.rows) == (Task.CLEAN_QUEUE_STATS, 1)
    assert await owner.totals() == [(0, 4), (0, 4)]
    await owner.save(replace(stats(1), total_rejected=6))
    assert await owner.totals() == [(0, 6), (0, 4)]
    assert (await owner.maintenance.clean_queue_stats(LONG_AGO, NOW, run)).rows == 0


async def test_snapshots_go_in_batches(owner: Owner) -> None:
    await owner.save(stats(1, queue_length=3), stats(2, queue_length=1))
    first = await owner.maintenance.snapshot_queues(NOW, None)
    await owner.maintenance.snapshot_queues(NOW + 300, first)
    assert await owner.maintenance.delete_snapshots(LONG_AGO, 10) == 0
    assert [await owner.maintenance.delete_snapshots(NOW + 1e6, 3) for _ in range(3)] == [3, 1, 0]


async def test_finished_executions_go_in_batches_by_id(owner: Owner) -> None:
    await owner.accept(1, 2, 3, 4, 5, 6)
    await owner.accept(7, created=NOW)
    await owner.finish(1, 2, 4, 5, 7)
    assert await owner.maintenance.delete_executions(LONG_AGO, 0, 100) == Swept(7, 0, 7, old=False)
    sweep = owner.maintenance.delete_executions
    assert await sweep(NOW, 0, 4) == Swept(4, 3, 4, old=True)
    assert await sweep(NOW, 4, 2) == Swept(2, 1, 6, old=True)
    assert await owner.existing(1, 2, 3, 4, 5, 6, 7) == [3, 6, 7]
    assert await sweep(NOW, 6, 2) == Swept(1, 1, 7, old=False)
    assert await sweep(NOW, 7, 2) == Swept(0, 0, 7, old=False)
    # With an execution goes its idempotency key.
    assert sorted(await owner.journal.find_idempotent([f"key-{number}" for number in range(8)])) == ["key-3", "key-6"]


async def test_deleted_executions_leave_their_orders(owners: Owners, owner: Owner) -> None:
    await owner.accept(1, 2, 3)
    await owner.accept(4, 5, action=2)
    await owner.finish(1, 2, 3, 5)
    assert (await owner.maintenance.delete_executions(NOW, 0, 2)).deleted == 2
    assert await owner.totals() == [(3, 0), (5, 0)]
    assert (await owner.maintenance.delete_executions(NOW, 2, 2)).deleted == 1
    assert await owner.existing(1, 2, 3, 4, 5) == [4, 5]
    assert await owner.totals() == [(3, 0), (5, 0)]
    assert (await owner.maintenance.delete_executions(NOW, 4, 2)).deleted == 1
    assert await owner.totals() == [(3, 0), (5, 0)]
    successor = await owners.next()
    assert await successor.totals() == [(3, 0), (5, 0)]


async def test_what_was_swept_is_recorded_for_the_next_owner(owners: Owners, owner: Owner) -> None:
    run = TaskRun(Task.DELETE_EXECUTIONS, NOW + 0.123456, 7.5, 12)
    await owner.maintenance.record(run, None)
    successor = await owners.next()
    assert await successor.maintenance.last_run(Task.DELETE_EXECUTIONS) == run
    following = replace(run, started_at=NOW + 3600)
    await successor.maintenance.record(following, run)
    with pytest.raises(JournalError):
        await successor.maintenance.record(following, run)
    assert await successor.maintenance.last_run(Task.DELETE_EXECUTIONS) == following


async def test_each_execution_is_counted_once_into_its_day(owners: Owners, owner: Owner) -> None:
    await owner.accept(1, 2, 3, created=LONG_AGO)
    await owner.accept(4, 5, created=LONG_AGO + DAY)
    await owner.accept(6, action=2, created=LONG_AGO)
    await owner.accept(7, created=LONG_AGO + 2 * DAY)
    await owner.finish(1, 2, 4, 6)
    before = (LONG_AGO + 2 * DAY) // DAY * DAY
    assert list(await owner.maintenance.uncounted(LONG_AGO)) == []
    assert list(await owner.maintenance.uncounted(before)) == [1, 2]
    assert await owner.maintenance.count_days(1, before, 2) == Counted(2, more=True)
    successor = await owners.next()
    assert await successor.maintenance.count_days(1, before, 2) == Counted(2, more=True)
    assert await successor.maintenance.count_days(1, before, 2) == Counted(1, more=False)
    assert await successor.maintenance.count_days(1, before, 2) == Counted(0, more=False)
    assert await successor.maintenance.count_days(2, before, 10) == Counted(1, more=False)
    assert list(await successor.maintenance.uncounted(before)) == []

    first, second = day_of(LONG_AGO), day_of(LONG_AGO + DAY)
    known = await successor.growth.days(first, None)
    assert (known.until, dict(known.last_orders)) == (None, {1: 5, 2: 6})
    assert [(day.day, day.executions, day.succeeded, day.unfinished, day.ran) for day in known.days] == [
        (first, 4, 3, 1, 3),
        (second, 2, 1, 1, 1),
    ]
    (only,) = (await successor.growth.days(second, 1)).days
    assert only.average_duration_seconds is not None
    assert (await successor.growth.days(first, 2)).days[0].executions == 1
    assert await successor.maintenance.delete_days(LONG_AGO + DAY, 1) == 1
    assert await successor.maintenance.delete_days(LONG_AGO + DAY, 10) == 1
    assert [day.day for day in (await successor.growth.days(first, None)).days] == [second]
    await successor.maintenance.record(TaskRun(Task.COUNT_DAYS, before + 7, 1.0, 6), None)
    assert (await successor.growth.days(first, None)).until == day_of(before)


async def test_the_nearest_snapshot_is_compared_with(owner: Owner) -> None:
    await owner.save(stats(1, queue_length=3), stats(2))
    await owner.maintenance.snapshot_queues(time.time(), None)
    now = time.time()
    found = await owner.growth.snapshot(now - 300, now - 600, now + 1)
    assert found is not None
    assert found.taken_at == pytest.approx(now, abs=5)
    assert found.queues == {1: SnapshotRow(3, 0, 9)}
    assert await owner.growth.snapshot(now - 300, now - 600, now - 60) is None
