"""Measures an action's demand in buckets of a minute: bounded memory whatever the traffic."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from attune_executor.domain.stats import Load

BUCKET_SECONDS: Final = 60
_BUCKETS_PER_HOUR: Final = 3600 // BUCKET_SECONDS


@dataclass(slots=True)
class _Bucket:
    index: int
    arrivals: int = 0
    finished: int = 0
    run_seconds: float = 0.0


@dataclass(slots=True)
class LoadMeter:
    """Arrivals and run times of one action over a sliding window of ``window_seconds``."""

    window_seconds: int
    _buckets: deque[_Bucket] = field(default_factory=deque[_Bucket])

    def arrived(self, now: float, count: int = 1) -> None:
        """Count executions accepted at ``now`` (Unix seconds)."""
        self._bucket(now).arrivals += count

    def finished(self, now: float, run_seconds: float) -> None:
        """Count an execution that finished at ``now`` after running ``run_seconds``."""
        bucket = self._bucket(now)
        bucket.finished += 1
        bucket.run_seconds += run_seconds

    def load(self, now: float) -> Load:
        """The demand of the window that ends at ``now``."""
        self._forget(now)
        finished = sum(bucket.finished for bucket in self._buckets)
        return Load(
            peak_per_hour=float(max((bucket.arrivals for bucket in self._buckets), default=0) * _BUCKETS_PER_HOUR),
            average_duration_seconds=(
                sum(bucket.run_seconds for bucket in self._buckets) / finished if finished else None
            ),
        )

    def _bucket(self, now: float) -> _Bucket:
        index = int(now // BUCKET_SECONDS)
        # A clock that steps back adds to the newest bucket: the window's order is never broken.
        if not self._buckets or self._buckets[-1].index < index:
            self._buckets.append(_Bucket(index))
            self._forget(now)
        return self._buckets[-1]

    def _forget(self, now: float) -> None:
        oldest = int((now - self.window_seconds) // BUCKET_SECONDS)
        while self._buckets and self._buckets[0].index < oldest:
            self._buckets.popleft()
