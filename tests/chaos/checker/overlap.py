"""How many executions ran at a time, and how many might have.

An execution counts from the start of a run to its stop, its worker's end, or the commit of its terminal status,
whichever comes first. What still runs after that commit is a stale run: one of an execution that was completed by hand,
which its worker has yet to stop, or a second run of one that another run has ended, which cannot be called back from a
worker that the broker lost sight of. It is counted apart.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from chaos.checker.case import Case, Slots
from chaos.checker.violations import Kind, Violation
from chaos.history import LimitSet


class Interval(NamedTuple):
    """From ``start`` until before ``end``, in Unix seconds."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Occupation:
    """The most that ran at a time, stale runs apart and included; ``limit`` is the highest that was in force."""

    limit: int
    peak: int
    peak_with_stale: int


def judge(case: Case) -> Iterator[Violation]:
    """Where a limit was exceeded: once for each period above it."""
    dispatched = _earliest_dispatches(case)
    for slots, executions in _executions(case, stale=False).items():
        changes = case.limits.get(slots.action, [])
        above = False
        for at, running in _course(executions):
            allowed = _allowed(changes, min((dispatched[key] for key in running), default=at), at)
            if len(running) > allowed and not above:
                yield Violation(
                    Kind.OVER_LIMIT, f"{slots}: {len(running)} ran at {at:.3f} where {allowed} may: {sorted(running)}"
                )
            above = len(running) > allowed


def occupations(case: Case) -> dict[str, Occupation]:
    """The peaks, by action; of the fullest group where it has groups."""
    peaks: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for index, stale in enumerate((False, True)):
        for slots, executions in _executions(case, stale=stale).items():
            peak = max((len(running) for _, running in _course(executions)), default=0)
            peaks[slots.action][index] = max(peaks[slots.action][index], peak)
    return {
        action: Occupation(max((change.limit for change in case.limits.get(action, [])), default=0), *peak)
        for action, peak in sorted(peaks.items())
    }


def _earliest_dispatches(case: Case) -> dict[str, float]:
    """Since when each execution may have held its slot, by key: a lowered limit takes no slot back.

    It was dispatched after it was asked for, and after all that was dispatched before it in its action was.
    """
    earliest: dict[str, float] = {}
    latest_asked: dict[str, float] = defaultdict(float)
    for row in sorted(case.final.rows, key=lambda row: row.dispatch_order or 0):
        request = case.requests.get(row.key)
        asked_at = 0.0 if request is None else request.first_asked_at
        latest_asked[row.action] = max(latest_asked[row.action], asked_at if row.dispatch_order else 0.0)
        earliest[row.key] = latest_asked[row.action] if row.dispatch_order else asked_at
    return earliest


def _executions(case: Case, *, stale: bool) -> dict[Slots, dict[str, list[Interval]]]:
    """When each execution ran, as disjoint intervals by its key."""
    found: dict[Slots, dict[str, list[Interval]]] = defaultdict(dict)
    for row in case.final.rows:
        horizon = case.final.at
        ended_at = row.ended_at if row.terminal and row.ended_at is not None and not stale else horizon
        runs = [Interval(run.started_at, min(run.stopped_at(horizon), ended_at)) for run in case.runs.get(row.key, [])]
        if merged := merge(interval for interval in runs if interval.end > interval.start):
            found[case.slots_of(row)][row.key] = merged
    return found


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """The same time covered by disjoint intervals, in order."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and interval.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return merged


def _course(executions: dict[str, list[Interval]]) -> Iterator[tuple[float, set[str]]]:
    """Who runs after each change; at one moment ends come before starts."""
    edges = sorted(
        edge
        for key, intervals in executions.items()
        for interval in intervals
        for edge in ((interval.start, True, key), (interval.end, False, key))
    )
    edges.sort(key=lambda edge: edge[:2])
    running: set[str] = set()
    for at, starts, key in edges:
        (running.add if starts else running.discard)(key)
        yield at, running


def _allowed(changes: Sequence[LimitSet], since: float, until: float) -> int:
    """The highest limit that may have been in force between ``since`` and ``until``."""
    ordered = sorted(changes, key=lambda change: change.asked_at)
    allowed = [
        change.limit
        for change, following in pairwise([*ordered, None])
        if change is not None and change.asked_at <= until and (following is None or following.in_force_at >= since)
    ]
    return max(allowed, default=0)
