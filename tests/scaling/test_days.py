"""Days of traffic against the decision: what an SRE would look at in the morning."""

from itertools import pairwise
from random import Random

import pytest

from attune_operator.resources import WorkersSpec
from attune_operator.resources.workers import ScaleDown
from scaling.__main__ import PAGE, PICTURE, with_table
from scaling.cluster import Outcome, Simulation
from scaling.day import CONCURRENCY, MAXIMUM, SLOTS, WORKERS, ordinary, simulate, sized_by_hand
from scaling.picture import draw
from scaling.strategies import Attune, PlainHpa, Static
from scaling.traffic import (
    DAY,
    HOUR,
    Execution,
    RunTime,
    arrivals,
    diurnal,
    merged,
    ordinary_day,
    spike,
    steady,
    step,
    together,
)

RUN_TIME = RunTime(20.0)


def random(seed: int = 1) -> Random:
    return Random(seed)  # noqa: S311 - traffic, not cryptography


def workers(**changes: object) -> WorkersSpec:
    return WORKERS.model_copy(update=changes)


def attune(spec: WorkersSpec = WORKERS, blind: tuple[float, float] | None = None) -> Attune:
    return Attune(spec, CONCURRENCY, blind=blind)


def played(strategy: Attune, *traffic: list[Execution], end: float) -> Outcome:
    return Simulation(strategy, SLOTS, CONCURRENCY, strategy.workers.min_replicas).run(merged(*traffic), int(end))


def test_the_picture_and_its_table_are_what_the_decision_does() -> None:
    day = ordinary()

    assert PICTURE.read_text(encoding="utf-8") == draw(day), "run `PYTHONPATH=tests uv run python -m scaling`"
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page, day), "run `PYTHONPATH=tests uv run python -m scaling`"


def test_a_steady_load_gets_one_size_and_keeps_it() -> None:
    outcome = played(attune(), arrivals(steady(2.0), 2.1, 6 * HOUR, RUN_TIME, random()), end=6 * HOUR)

    settled = outcome.replicas[2 * 3600 :]
    assert max(settled) - min(settled) <= 1
    assert outcome.turns <= 3
    assert outcome.late(1) < 1


def test_a_step_is_followed_at_once_and_left_after_the_window() -> None:
    spec = workers(peak_window_seconds=600)
    rates = together(steady(0.5), step(5.0, HOUR, 2 * HOUR))
    outcome = played(attune(spec), arrivals(rates, 5.6, 3 * HOUR, RUN_TIME, random()), end=3 * HOUR)

    before, during, after = (outcome.replicas[int(at * 3600)] for at in (0.9, 1.5, 2.9))
    assert during >= 11, "5.5 a second for 20 s are 110 slots"
    assert before <= 3
    assert after <= 3
    assert min(outcome.replicas[3600 + 60 : 2 * 3600]) >= 10
    assert outcome.late(30) < 1


@pytest.mark.parametrize("minimum", [0, 1])
def test_a_burst_in_an_idle_night_gets_its_size_in_a_second_and_goes_again(minimum: int) -> None:
    spec = workers(min_replicas=minimum, peak_window_seconds=600)
    warm = spike(5, 60.0, RUN_TIME, random())
    burst = spike(400, 2 * HOUR, RUN_TIME, random(2))
    outcome = played(attune(spec), warm, burst, end=3 * HOUR)

    at = int(2 * HOUR)
    assert outcome.replicas[at - 1] == minimum
    # 400 executions of 20 s in 30 s: 267 slots, give or take what the five before it made of the average.
    assert outcome.replicas[at] >= 20
    assert max(outcome.replicas) <= outcome.replicas[at] + 1
    assert outcome.replicas[-1] == minimum
    assert outcome.turns == 3, "up and down, twice"


def test_measurements_that_fail_in_a_burst_take_nobody_away() -> None:
    burst = spike(800, HOUR, RUN_TIME, random())
    people = arrivals(steady(0.5), 0.6, 3 * HOUR, RUN_TIME, random(2))
    spec = workers(peak_window_seconds=60, scale_down=ScaleDown(stabilization_seconds=30))
    blind = HOUR + 20, 2 * HOUR
    outcome = played(attune(spec, blind), people, burst, end=3 * HOUR)

    unseen = outcome.replicas[int(blind[0]) : int(blind[1])]
    assert set(unseen) == {max(outcome.replicas)}
    assert outcome.replicas[-1] < max(outcome.replicas)


def test_on_any_day_fewer_wait_than_with_the_usual_answers(full: bool) -> None:
    for seed in range(20 if full else 1):
        traffic = ordinary_day(seed)
        fixed, hpa = Static(sized_by_hand(traffic)), PlainHpa(SLOTS, 1, MAXIMUM)
        ours, by_hand, by_cpu = simulate(traffic, attune(), fixed, hpa).outcomes

        assert ours.late(30) < min(by_hand.late(30), by_cpu.late(30)) / 2
        assert ours.worker_hours < by_hand.worker_hours
        assert all(WORKERS.min_replicas <= size <= WORKERS.max_replicas for size in ours.replicas)


def test_days_on_end_are_like_the_first(full: bool) -> None:
    days = 7 if full else 2
    traffic = arrivals(diurnal(0.05, 1.0), 1.1, days * DAY, RUN_TIME, random())
    bursts = [execution for day in range(days) for execution in spike(300, day * DAY + 3 * HOUR, RUN_TIME, random(day))]
    outcome = played(attune(), traffic, bursts, end=days * DAY)

    hours = [sum(outcome.replicas[int(day * DAY) : int((day + 1) * DAY)]) / 3600 for day in range(days)]
    assert max(hours) - min(hours) < 0.1 * max(hours)
    assert outcome.late(30) < 1
    assert all(abs(two - one) < MAXIMUM for one, two in pairwise(outcome.replicas))
