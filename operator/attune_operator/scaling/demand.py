"""What one policy asks of its worker Deployment, in slots: what policies that share a Deployment have in common."""

from dataclasses import dataclass

from attune_executor.domain.policy import Admission
from attune_executor.domain.stats import QueueStats
from attune_operator.resources import WorkersSpec


@dataclass(frozen=True, slots=True)
class PolicyDemand:
    """A policy and what was measured of its queue; ``stats`` is None while that is unknown or stale."""

    name: str
    concurrency: int
    admission: Admission
    workers: WorkersSpec
    stats: QueueStats | None

    @property
    def active(self) -> int:
        """Executions that are dispatched and not finished."""
        return self.stats.active_count if self.stats else 0

    @property
    def waiting(self) -> int:
        """Executions that wait."""
        return self.stats.queue_length if self.stats else 0

    @property
    def startable(self) -> int:
        """Waiting executions that a further worker could start: none while the policy holds or is at its limit."""
        return self.waiting if self.admission is not Admission.HOLD and self.active < self.concurrency else 0

    @property
    def starved(self) -> bool:
        """Whether executions wait only because all that the concurrency allows are active."""
        return self.waiting > 0 and self.admission is not Admission.HOLD and self.active >= self.concurrency

    @property
    def peak_per_hour(self) -> float:
        """Measured peak of arrivals, executions per hour."""
        return self.stats.load.peak_per_hour if self.stats else 0.0

    @property
    def duration_per_hour(self) -> float:
        """Run time that arrives at the peak, in seconds per hour; 0 while the duration is not known."""
        duration = self.stats.load.average_duration_seconds if self.stats else None
        return self.peak_per_hour * duration if duration is not None else 0.0

    @property
    def usable_duration_per_hour(self) -> float:
        """The part of ``duration_per_hour`` that the concurrency lets run."""
        return min(self.duration_per_hour, 3600.0 * self.concurrency)

    @property
    def concurrency_limited(self) -> bool:
        """Whether more workers would not help: the peak exceeds the concurrency, or a deep queue waits for it."""
        first_band = min((band.waiting for band in self.workers.depth_bands), default=None)
        return self.duration_per_hour > 3600.0 * self.concurrency or (
            self.starved and first_band is not None and self.waiting >= first_band
        )
