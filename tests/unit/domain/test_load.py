"""The load meter forgets what left its window and stays small."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune_executor.domain.durations import Durations, bin_of, seconds_of
from attune_executor.domain.load import LoadMeter, Minute

MINUTE = 60.0


def minute(index: int, arrivals: int, *seconds: float) -> Minute:
    finished = Durations()
    for each in seconds:
        finished.add(each)
    return Minute(index, arrivals, finished)


def test_the_peak_is_the_busiest_five_minutes_of_the_window() -> None:
    meter = LoadMeter(window_seconds=1200)
    meter.arrived(0, 5)
    meter.arrived(MINUTE, 20)
    meter.arrived(7 * MINUTE, 10)
    meter.arrived(8 * MINUTE, 12)
    meter.arrived(13 * MINUTE, 1)
    assert meter.load(13 * MINUTE).peak_per_hour == 25 * 12
    assert meter.load(21 * MINUTE).peak_per_hour == 22 * 12
    assert meter.load(29 * MINUTE).peak_per_hour == 1 * 12
    assert meter.load(10_000).peak_per_hour == 0


def test_in_a_window_of_a_minute_the_peak_is_that_of_the_minute() -> None:
    meter = LoadMeter(window_seconds=60)
    meter.arrived(0, 5)
    meter.arrived(MINUTE, 20)
    assert meter.load(MINUTE).peak_per_hour == 20 * 60


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 50)), max_size=60), st.integers(1, 20))
def test_the_peak_is_that_of_all_runs_of_five_minutes(arrivals: list[tuple[int, int]], window: int) -> None:
    meter = LoadMeter(window_seconds=window * 60)
    per_minute = [0] * 91
    for minute_index, count in sorted(arrivals):
        meter.arrived(minute_index * MINUTE, count)
        per_minute[minute_index] += count
    now = max((index for index, _ in arrivals), default=0)
    seen = [count if index >= now - window else 0 for index, count in enumerate(per_minute)]
    length = min(5, window)
    runs = [sum(seen[max(0, end - length + 1) : end + 1]) for end in range(91)]
    assert meter.load(now * MINUTE).peak_per_hour == pytest.approx(max(runs) * 60 / length)


def test_the_average_is_over_the_window() -> None:
    meter = LoadMeter(window_seconds=600)
    assert meter.load(0).average_duration_seconds is None
    meter.finished(0, 10)
    meter.finished(5 * MINUTE, 2)
    meter.finished(5 * MINUTE, 4)
    assert meter.load(5 * MINUTE).average_duration_seconds == 16 / 3
    assert meter.load(11 * MINUTE).average_duration_seconds == 3
    assert meter.load(10_000).average_duration_seconds == 3, "a pause changes nothing about how long they take"
    meter.finished(10_000, 7)
    assert meter.load(10_000).average_duration_seconds == 7


def test_a_clock_that_steps_back_counts_into_the_newest_minute() -> None:
    meter = LoadMeter(window_seconds=600)
    meter.arrived(10 * MINUTE, 1)
    meter.arrived(5 * MINUTE, 1)
    assert meter.load(10 * MINUTE).peak_per_hour == 2 * 12


def test_the_rate_of_arrivals_is_that_of_the_last_five_minutes() -> None:
    meter = LoadMeter(window_seconds=3600)
    for number in range(20):
        meter.arrived(number * MINUTE, 10)
    assert meter.load(20 * MINUTE - 1).arrivals_per_hour == 600
    assert meter.load(40 * MINUTE).arrivals_per_hour == 0


@given(st.lists(st.floats(0, 100_000), min_size=1, max_size=200))
def test_percentiles_are_right_within_five_percent(seconds: list[float]) -> None:
    meter = LoadMeter(window_seconds=600)
    for each in seconds:
        meter.finished(0, each)
    percentiles = meter.load(0).durations
    assert percentiles is not None
    ordered = sorted(seconds)
    for percent, found in (
        (50, percentiles.p50),
        (95, percentiles.p95),
        (99, percentiles.p99),
        (100, percentiles.longest),
    ):
        exact = ordered[-(-len(ordered) * percent // 100) - 1]
        assert found == pytest.approx(max(exact, 0.001), rel=0.05)


@given(st.floats(0.001, 1_000_000))
def test_a_bin_stands_for_what_is_in_it(seconds: float) -> None:
    assert seconds_of(bin_of(seconds)) == pytest.approx(seconds, rel=0.05)


def test_what_left_the_window_leaves_no_trace() -> None:
    draw = random.Random(1)  # noqa: S311 - traffic, not cryptography
    meter, fresh = LoadMeter(window_seconds=600), LoadMeter(window_seconds=600)
    for number in range(10_000):
        at, seconds = number * 3.0, draw.lognormvariate(0, 2)
        meter.arrived(at)
        meter.finished(at, seconds)
        if at >= 10_000 * 3.0 - 3 * MINUTE:
            fresh.arrived(at)
            fresh.finished(at, seconds)
    end = 10_000 * 3.0 + 7 * MINUTE
    assert meter.load(end) == fresh.load(end)


def test_after_a_restart_the_history_counts_as_if_it_had_been_seen() -> None:
    seen, restarted = LoadMeter(window_seconds=600), LoadMeter(window_seconds=600, calibrated=False)
    for number, seconds in ((1, 4.0), (3, 8.0), (5, 2.0)):
        seen.arrived(number * MINUTE, number)
        seen.finished(number * MINUTE, seconds)
    restarted.arrived(5 * MINUTE, 5)
    restarted.finished(5 * MINUTE, 2.0)
    assert not restarted.load(5 * MINUTE).calibrated

    restarted.calibrate([minute(3, 3, 8.0), minute(1, 1, 4.0), minute(5, 5, 2.0)], 99.0, 5 * MINUTE)

    assert restarted.load(5 * MINUTE) == seen.load(5 * MINUTE)
    assert restarted.load(12 * MINUTE) == seen.load(12 * MINUTE)


def test_an_action_that_was_idle_for_longer_than_the_window_keeps_its_duration() -> None:
    meter = LoadMeter(window_seconds=600, calibrated=False)
    meter.calibrate([], 3.5, 5 * MINUTE)
    assert meter.load(5 * MINUTE).average_duration_seconds == 3.5
    meter.finished(6 * MINUTE, 1.0)
    assert meter.load(6 * MINUTE).average_duration_seconds == 1.0
