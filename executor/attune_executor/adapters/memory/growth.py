"""Growth from a store in memory."""

from datetime import date

from attune_executor.adapters.memory.store import JournalStore
from attune_executor.domain.growth import CountedDays, DayCount, Snapshot, SnapshotRow, day_of
from attune_executor.domain.maintenance import Task


class MemoryGrowth:
    """Implements `attune_executor.ports.growth.GrowthHistory`."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store

    async def days(self, first: date, action_id: int | None) -> CountedDays:
        """The days from ``first`` on."""
        self._store.check_up()
        together: dict[date, DayCount] = {}
        for (day, action), count in sorted(self._store.days.items()):
            if day >= first and action_id in {None, action}:
                together[day] = count if day not in together else added(together[day], count)
        run = self._store.maintenance.get(Task.COUNT_DAYS)
        until = None if run is None else day_of(run.started_at)
        return CountedDays(until, list(together.values()), dict(self._store.counted))

    async def snapshot(self, nearest: float, earliest: float, latest: float) -> Snapshot | None:
        """The snapshot taken nearest to a moment."""
        self._store.check_up()
        times = {row.snapshot_time for row in self._store.snapshots if earliest <= row.snapshot_time <= latest}
        if not times:
            return None
        taken_at = min(times, key=lambda time: abs(time - nearest))
        rows = [row for row in self._store.snapshots if row.snapshot_time == taken_at]
        return Snapshot(taken_at, {row.action_id: SnapshotRow(*row[2:]) for row in rows})


def added(one: DayCount, other: DayCount) -> DayCount:
    """Two counts of a day as one."""
    return DayCount(
        one.day,
        one.executions + other.executions,
        one.succeeded + other.succeeded,
        one.failed + other.failed,
        one.other + other.other,
        one.unfinished + other.unfinished,
        one.succeeded_seconds + other.succeeded_seconds,
        one.ran + other.ran,
        one.run_seconds + other.run_seconds,
    )
