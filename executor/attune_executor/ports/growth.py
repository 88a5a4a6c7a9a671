"""Looking back over days and minutes, apart from the queues: nothing here can hold a turn up."""

from datetime import date
from typing import Protocol

from attune_executor.domain.growth import CountedDays, Snapshot


class GrowthHistory(Protocol):
    """Reads what maintenance keeps. Every method raises JournalError where the database is away."""

    async def days(self, first: date, action_id: int | None) -> CountedDays:
        """The days from ``first`` on, of one action or of all together; its cost does not depend on the executions."""
        ...

    async def snapshot(self, nearest: float, earliest: float, latest: float) -> Snapshot | None:
        """The snapshot taken nearest to a moment, within bounds (Unix seconds); None where there is none."""
        ...
