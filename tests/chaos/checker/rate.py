"""How fast executions started, judged by their runs.

The limit is on dispatches, and a run may begin long after its dispatch, but no dispatch comes before its request. So of
the executions that were asked for after a moment, no more can have begun some time later than the windows that fit in
between let through, one begun window included.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from math import floor

from chaos.checker.case import Case
from chaos.checker.violations import Kind, Violation
from chaos.history import RateSet


def judge(case: Case) -> Iterator[Violation]:
    """The first excess of each action."""
    for action, rate in case.rates.items():
        asked_and_begun = sorted(
            (case.requests[row.key].first_asked_at, runs[0].started_at)
            for row in case.final.rows
            if row.action == action and row.key in case.requests and (runs := case.runs.get(row.key))
        )
        if excess := _excess(rate, asked_and_begun):
            since, until, count = excess
            yield Violation(
                Kind.OVER_RATE,
                f"{action}: {count} asked for after {since:.3f} had begun by {until:.3f}, where"
                f" {rate.max_executions} in {rate.window_seconds:g} s may",
            )


def _excess(rate: RateSet, asked_and_begun: list[tuple[float, float]]) -> tuple[float, float, int] | None:
    """A stretch in which too many began, as since, until and their number."""
    begun: list[float] = []
    for since, first in reversed(asked_and_begun):
        insort(begun, first)
        # Earlier starts were checked against later requests already; this one counts from its place on.
        for index in range(bisect_left(begun, first), len(begun)):
            count = index + 1
            if count > rate.max_executions * (floor((begun[index] - since) / rate.window_seconds) + 1):
                return since, begun[index], count
    return None
