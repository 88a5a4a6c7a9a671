"""Run times in bins that grow by a tenth: percentiles of any traffic within five percent, in bounded memory."""

from collections import Counter
from dataclasses import dataclass, field
from math import ceil, log
from typing import Final

GROWTH: Final = 1.1
"""Each bin ends at this many times where it begins."""
SHORTEST_SECONDS: Final = 0.001
"""The first bin takes everything up to here."""
_LOG_GROWTH: Final = log(GROWTH)


def bin_of(seconds: float) -> int:
    """The bin of a run time, from 0."""
    return 0 if seconds <= SHORTEST_SECONDS else ceil(log(seconds / SHORTEST_SECONDS) / _LOG_GROWTH)


def seconds_of(number: int) -> float:
    """The run time that stands for a bin: no other one in it is further away than 5 %."""
    return SHORTEST_SECONDS if number == 0 else SHORTEST_SECONDS * GROWTH**number * 2 / (1 + GROWTH)


@dataclass(frozen=True, slots=True)
class DurationPercentiles:
    """How long executions ran, in seconds: half no longer than ``p50``, 95 % than ``p95``, all than ``longest``."""

    p50: float
    p95: float
    p99: float
    longest: float


@dataclass(slots=True)
class Durations:
    """Run times of some executions, to which others can be added and from which they can be taken again.

    The sum is kept in whole microseconds: what was added and taken leaves no trace.
    """

    count: int = 0
    microseconds: int = 0
    bins: Counter[int] = field(default_factory=Counter[int])

    @property
    def mean_seconds(self) -> float | None:
        """Mean run time; None of none."""
        return self.microseconds / 1e6 / self.count if self.count else None

    def add(self, seconds: float) -> None:
        """Add one."""
        self.add_many(bin_of(seconds), 1, round(seconds * 1e6))

    def add_many(self, number: int, count: int, microseconds: int) -> None:
        """Add ``count`` of one bin that took so long together."""
        self.count += count
        self.microseconds += microseconds
        self.bins[number] += count

    def include(self, other: "Durations") -> None:
        """Add those of ``other``."""
        self.count += other.count
        self.microseconds += other.microseconds
        self.bins.update(other.bins)

    def exclude(self, other: "Durations") -> None:
        """Take those of ``other`` out, which were added before."""
        self.count -= other.count
        self.microseconds -= other.microseconds
        self.bins -= other.bins

    def percentiles(self) -> DurationPercentiles | None:
        """Percentiles by nearest rank; None of none."""
        if not self.count:
            return None
        ranks = [ceil(self.count * percent / 100) for percent in (50, 95, 99, 100)]
        found: list[float] = []
        seen = 0
        for number in sorted(self.bins):
            seen += self.bins[number]
            while len(found) < len(ranks) and seen >= ranks[len(found)]:
                found.append(seconds_of(number))
        return DurationPercentiles(*found)
