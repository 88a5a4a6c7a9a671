"""A Prometheus histogram for a writer that must not be slowed down: whole batches, no lock."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client.core import HistogramMetricFamily

BRIEF_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds for what is over in a moment: commits, answers, confirmations."""
LASTING_SECONDS: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0)
"""Bounds for what may take hours: waiting and running."""


class BatchHistogram:
    """Counts seconds in buckets. One thread observes, any thread may collect.

    prometheus_client's own takes a lock and a microsecond for each value; here a batch is sorted once, and each bound
    found in it. Whoever collects in the middle of a batch sees a part of it, and the rest the next time.
    """

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        self._name = name
        self._text = text
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def observe_all(self, values: Iterable[float]) -> None:
        """Count many at once."""
        batch = sorted(values)
        before = 0
        for bucket, bound in enumerate(self._bounds):
            upto = bisect_right(batch, bound, before)
            self._counts[bucket] += upto - before
            before = upto
        self._counts[-1] += len(batch) - before
        self._sum += sum(batch)

    def collect(self) -> HistogramMetricFamily:
        """The histogram as Prometheus reads it."""
        counts = list(self._counts)
        buckets: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), counts, strict=True):
            total += count
            buckets.append((bound, total))
        return HistogramMetricFamily(self._name, self._text, buckets=buckets, sum_value=self._sum)
