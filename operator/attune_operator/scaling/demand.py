"""What one policy asks of its worker Deployment, in slots: what policies that share a Deployment have in common."""

from dataclasses import dataclass
from math import inf

from attune_executor.domain.policy import Admission, RateLimit
from attune_executor.domain.stats import QueueStats
from attune_operator.resources import WorkersSpec


@dataclass(frozen=True, slots=True)
class PolicyDemand:
    """A policy and what was measured of its queue; ``stats`` is None while that is unknown or stale.

    ``grouped`` says that each group of the queue has the concurrency to itself.
    """

    name: str
    concurrency: int
    admission: Admission
    workers: WorkersSpec
    stats: QueueStats | None
    grouped: bool = False
    rate_limit: RateLimit | None = None

    @property
    def known(self) -> bool:
        """Whether the queue was measured over the whole window: only then may workers be taken away."""
        return self.stats is not None and self.stats.load.calibrated

    @property
    def active(self) -> int:
        """Executions that are dispatched and not finished."""
        return self.stats.active_count if self.stats else 0

    @property
    def waiting(self) -> int:
        """Executions that wait."""
        return self.stats.queue_length if self.stats else 0

    @property
    def usable_slots(self) -> int:
        """Executions that the policy lets be active at a time, in the lines that there are now."""
        return self.concurrency * (self.stats.lines if self.stats and self.grouped else 1)

    @property
    def most_slots(self) -> float:
        """The same at any time; infinite with groups, of which there may be any number."""
        return inf if self.grouped else self.concurrency

    @property
    def startable(self) -> int:
        """Waiting executions that a further worker could start: none while the policy holds or is at its limit."""
        return self.waiting if self.admission is not Admission.HOLD and self.active < self.usable_slots else 0

    @property
    def starved(self) -> bool:
        """Whether executions wait only because all that the concurrency allows are active."""
        return self.waiting > 0 and self.admission is not Admission.HOLD and self.active >= self.usable_slots

    @property
    def seconds(self) -> float | None:
        """Mean run time; None before the first execution has finished."""
        return self.stats.load.average_duration_seconds if self.stats else None

    @property
    def longest_seconds(self) -> float:
        """The longest run of the window; infinite while none is known, for it may be any."""
        return self.stats.load.durations.longest if self.stats and self.stats.load.durations else inf

    @property
    def starts_per_second(self) -> float:
        """What the rate limit lets start; infinite without one."""
        return self.rate_limit.max_executions / self.rate_limit.window_seconds if self.rate_limit else inf

    @property
    def peak_per_hour(self) -> float:
        """Measured peak of arrivals, executions per hour."""
        return self.stats.load.peak_per_hour if self.stats else 0.0

    @property
    def duration_per_hour(self) -> float:
        """Run time that arrives at the peak, in seconds per hour; 0 while the duration is not known."""
        return self.peak_per_hour * (self.seconds or 0.0)

    @property
    def usable_duration_per_hour(self) -> float:
        """The part of ``duration_per_hour`` that concurrency and rate limit let run."""
        rate = min(self.peak_per_hour, 3600 * self.starts_per_second)
        return min(rate * (self.seconds or 0.0), 3600 * self.most_slots)

    @property
    def concurrency_limited(self) -> bool:
        """Whether more workers would not help: the peak exceeds the concurrency, or a deep queue waits for it."""
        first_band = min((band.waiting for band in self.workers.depth_bands), default=None)
        return self.duration_per_hour > 3600 * self.most_slots or (
            self.starved and first_band is not None and self.waiting >= first_band
        )
