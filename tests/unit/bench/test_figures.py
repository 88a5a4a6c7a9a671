"""How the benchmark's figures come about."""

import pytest

from bench.actions import Run
from bench.results import Goal
from bench.rows.handoff import handoffs
from bench.rows.row import percentile

MS = 1_000_000


def run(start_ms: int, end_ms: int, queue: int = 0) -> Run:
    return Run(queue, 0, start_ms * MS, end_ms * MS)


def test_an_end_is_followed_by_the_start_in_its_slot() -> None:
    # Two slots: the first two start at once, each further start takes the slot of the end before it.
    noted = [run(0, 10), run(0, 14), run(12, 20), run(17, 30), run(21, 40)]
    assert handoffs(noted, 2, 0, 100 * MS) == [2, 3, 1]


def test_queues_do_not_take_each_others_slots() -> None:
    noted = [run(0, 10, queue=1), run(0, 11, queue=2), run(15, 20, queue=1), run(12, 20, queue=2)]
    assert sorted(handoffs(noted, 1, 0, 100 * MS)) == [1, 5]


def test_only_what_happens_while_observed_counts() -> None:
    noted = [run(0, 10), run(12, 20), run(23, 30), run(34, 40)]
    assert handoffs(noted, 1, 15 * MS, 32 * MS) == [3]


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (99, 10), (100, 10), (1, 1)])
def test_percentiles_are_values_that_were_seen(percent: float, value: float) -> None:
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == value


def test_a_goal_includes_its_limit() -> None:
    assert Goal(at_least=10).met(10)
    assert not Goal(at_least=10).met(9.9)
    assert Goal(at_most=10).met(10)
    assert not Goal(at_most=10).met(10.1)
