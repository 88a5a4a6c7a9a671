"""Measures an action's demand in buckets of a minute: bounded memory whatever the traffic.

What is asked often costs the same however long the window is: sums are kept up to date as minutes come and go.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from attune_executor.domain.durations import Durations
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.stats import Load

BUCKET_SECONDS: Final = 60
ARRIVAL_SECONDS: Final = 300
"""How far back the present rate of arrivals looks: as far as the runbook's snapshots are apart."""
PEAK_MINUTES: Final = 5
"""The peak is the highest rate that lasted for so long. A burst is answered when it comes, by the work in hand; what it
leaves behind for the length of the window is the rate that it would be worth to keep workers for."""
KEPT_MINUTES: Final = 60
"""Whole minutes before the present one that are kept for people to look at, however short the window is."""


@dataclass(slots=True)
class Minute:
    """What arrived and what ended in one minute; ``index`` counts minutes since 1970.

    Attributes:
        finished: run times of what had run.
        elsewhere: ended or deleted by somebody's SQL, with whatever status.
    """

    index: int
    arrivals: int = 0
    finished: Durations = field(default_factory=Durations)
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    timeout: int = 0
    elsewhere: int = 0

    def ended(self, status: ExecutionStatus | None, count: int = 1) -> None:
        """Count executions that ended like this; None where somebody else ended them."""
        # By identity: hashing a member of an enumeration costs more than comparing it with all others.
        if status is ExecutionStatus.SUCCEEDED:
            self.succeeded += count
        elif status is ExecutionStatus.FAILED:
            self.failed += count
        elif status is ExecutionStatus.CANCELLED:
            self.cancelled += count
        elif status is ExecutionStatus.TIMEOUT:
            self.timeout += count
        else:
            self.elsewhere += count

    def at_least(self, other: "Minute") -> None:
        """Take in what somebody else counted of the same minute: of each figure the larger, since both may lack some.

        What another one knows the end of is not counted as ended elsewhere as well.
        """
        ends = self.succeeded + self.failed + self.cancelled + self.timeout + self.elsewhere
        self.arrivals = max(self.arrivals, other.arrivals)
        if other.finished.count > self.finished.count:
            self.finished = other.finished
        self.succeeded = max(self.succeeded, other.succeeded)
        self.failed = max(self.failed, other.failed)
        self.cancelled = max(self.cancelled, other.cancelled)
        self.timeout = max(self.timeout, other.timeout)
        self.elsewhere = max(0, ends - self.succeeded - self.failed - self.cancelled - self.timeout)


@dataclass(slots=True)
class LoadMeter:
    """Arrivals and run times of one action over a sliding window of ``window_seconds``."""

    window_seconds: int
    calibrated: bool = True
    """Whether it has seen the whole window; False after a restart, until the history has been read."""
    since: float = 0.0
    """From when on it has seen everything, in Unix seconds."""
    _minutes: deque[Minute] = field(default_factory=deque[Minute])
    _past: deque[Minute] = field(default_factory=deque[Minute])
    """Minutes that have left the window and are kept for people."""
    _durations: Durations = field(default_factory=Durations)
    """Of all minutes together."""
    _closed_peak: int = 0
    """Most arrivals of any ``PEAK_MINUTES`` in a row that do not end with the newest minute."""
    _last_mean_seconds: float | None = None
    """What executions took on average when any was last known to finish: a pause changes nothing about that."""

    def arrived(self, now: float, count: int = 1) -> None:
        """Count executions accepted at ``now`` (Unix seconds)."""
        self._minute(now).arrivals += count

    def finished(self, now: float, run_seconds: float) -> None:
        """Count an execution that finished at ``now`` after running ``run_seconds``."""
        self._minute(now).finished.add(run_seconds)
        self._durations.add(run_seconds)

    def ended(self, now: float, status: ExecutionStatus | None) -> None:
        """Count an execution that reached a terminal status at ``now``; None where somebody else ended it."""
        self._minute(now).ended(status)

    def calibrate(
        self, history: Iterable[Minute], last_mean_seconds: float | None, now: float, since: float | None = None
    ) -> None:
        """Take in what was measured before this meter was made; what both know is counted once.

        Args:
            history: minutes as the journal knows them, in any order.
            last_mean_seconds: mean run time of the latest executions, however long ago; None where there are none.
            now: Unix seconds.
            since: from when on the history is complete; None: as far back as anybody looks.
        """
        known = {minute.index: minute for minute in (*self._past, *self._minutes)}
        for minute in history:
            known.setdefault(minute.index, minute).at_least(minute)
        self.since = min(self.since, 0.0 if since is None else since)
        self._past.clear()
        self._minutes = deque(known[index] for index in sorted(known))
        self._durations = Durations()
        for minute in self._minutes:
            self._durations.include(minute.finished)
        if self._last_mean_seconds is None:
            self._last_mean_seconds = last_mean_seconds
        self._forget(now)
        self._close()
        self.calibrated = True

    def average_seconds(self, now: float) -> float | None:
        """Mean run time of the window that ends at ``now``, or the last one known; None before the first finishes."""
        self._forget(now)
        mean = self._durations.mean_seconds
        return self._last_mean_seconds if mean is None else mean

    def minutes(self, now: float, count: int = KEPT_MINUTES) -> list[Minute]:
        """The present minute and those of the ``count`` before it in which anything happened, the oldest first."""
        first = int(now // BUCKET_SECONDS) - count
        found: list[Minute] = []
        for minutes in (self._minutes, self._past):
            for minute in reversed(minutes):
                if minute.index < first:
                    break
                found.append(minute)
        found.reverse()
        return found

    def load(self, now: float) -> Load:
        """The demand of the window that ends at ``now``."""
        average = self.average_seconds(now)
        peak = max(self._closed_peak, self._newest_run())
        return Load(
            peak_per_hour=peak * 3600 / (BUCKET_SECONDS * self._run_minutes),
            average_duration_seconds=average,
            arrivals_per_hour=self._arrivals_per_hour(now),
            durations=self._durations.percentiles(),
            calibrated=self.calibrated,
        )

    def _arrivals_per_hour(self, now: float) -> float:
        """Of whole minutes: the one that is not over yet would make every look at it another number."""
        present = int(now // BUCKET_SECONDS)
        first = present - ARRIVAL_SECONDS // BUCKET_SECONDS
        arrivals = 0
        for minute in reversed(self._minutes):
            if minute.index < first:
                break
            if minute.index < present:
                arrivals += minute.arrivals
        return arrivals * 3600 / ARRIVAL_SECONDS

    def _minute(self, now: float) -> Minute:
        index = int(now // BUCKET_SECONDS)
        # A clock that steps back adds to the newest minute: the window's order is never broken.
        if not self._minutes or self._minutes[-1].index < index:
            self._minutes.append(Minute(index))
            self._forget(now)
            self._close()
        return self._minutes[-1]

    def _forget(self, now: float) -> None:
        oldest = int((now - self.window_seconds) // BUCKET_SECONDS)
        if not self._minutes or self._minutes[0].index >= oldest:
            return
        self._last_mean_seconds = self._durations.mean_seconds or self._last_mean_seconds
        kept = int(now // BUCKET_SECONDS) - KEPT_MINUTES
        while self._minutes and self._minutes[0].index < oldest:
            left = self._minutes.popleft()
            self._durations.exclude(left.finished)
            if left.index >= kept:
                self._past.append(left)
        while self._past and self._past[0].index < kept:
            self._past.popleft()
        self._close()

    @property
    def _run_minutes(self) -> int:
        return max(1, min(PEAK_MINUTES, self.window_seconds // BUCKET_SECONDS))

    def _newest_run(self) -> int:
        arrivals = 0
        for minute in reversed(self._minutes):
            if minute.index <= self._minutes[-1].index - self._run_minutes:
                break
            arrivals += minute.arrivals
        return arrivals

    def _close(self) -> None:
        """Look for the peak of the minutes that change no more."""
        run = deque[Minute]()
        arrivals = peak = 0
        for minute in list(self._minutes)[:-1]:
            run.append(minute)
            arrivals += minute.arrivals
            while run[0].index <= minute.index - self._run_minutes:
                arrivals -= run.popleft().arrivals
            peak = max(peak, arrivals)
        self._closed_peak = peak
