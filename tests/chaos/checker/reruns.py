"""Executions that ran more than once: allowed, as a run is at least once, but not without a cause."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from chaos.checker.case import Case, Run
from chaos.checker.violations import Kind, Violation
from chaos.final import Row
from chaos.history import Part

REDISPATCH = "new attempt"


@dataclass(slots=True)
class Reruns:
    """Counted, not judged.

    Attributes:
        by_cause: runs after the first, by what came last before them: a part that was disturbed, or a new attempt.
        overlapping_self: of these, runs that began while an earlier run of the same execution went on.
        after_end: of these, runs that began when the execution was terminal already.
    """

    by_cause: Counter[str] = field(default_factory=Counter[str])
    overlapping_self: int = 0
    after_end: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.by_cause.total()


def judge(case: Case) -> Iterator[Violation]:
    """Runs after the first that nothing explains."""
    for row, run in _again(case):
        if _cause(case, row, run) is None:
            yield Violation(
                Kind.UNCAUSED_RERUN,
                f"execution {row.execution_id} of {row.action} ran again on worker {run.worker} at"
                f" {run.started_at:.3f}, and nothing had happened since it was asked for",
            )


def count(case: Case) -> Reruns:
    """How often executions ran again, and why."""
    reruns = Reruns()
    for row, run in _again(case):
        cause = _cause(case, row, run)
        if cause is not None:
            reruns.by_cause[cause] += 1
        earlier = [other for other in case.runs[row.key] if other.started_at < run.started_at]
        reruns.overlapping_self += any(other.stopped_at(case.final.at) > run.started_at for other in earlier)
        reruns.after_end += row.terminal and row.ended_at is not None and run.started_at > row.ended_at
    return reruns


def _again(case: Case) -> Iterator[tuple[Row, Run]]:
    for row in case.final.rows:
        for run in case.runs.get(row.key, [])[1:]:
            yield row, run


def _cause(case: Case, row: Row, run: Run) -> Part | str | None:
    """What came last, since the execution was first asked for, that may have made it run again.

    A run can be far from its cause: a message that was published twice waits in the pool's queue twice.
    """
    request = case.requests.get(row.key)
    since = 0.0 if request is None else request.first_asked_at
    index = bisect_right(case.disturbances, run.started_at, key=lambda event: event.at)
    if index and case.disturbances[index - 1].at >= since:
        return case.disturbances[index - 1].part
    return REDISPATCH if row.attempt > 1 else None
