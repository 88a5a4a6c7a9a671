"""The load meter forgets what left its window and stays small."""

from attune_executor.domain.load import LoadMeter

MINUTE = 60.0


def test_the_peak_is_the_busiest_minute_of_the_window() -> None:
    meter = LoadMeter(window_seconds=600)
    meter.arrived(0, 5)
    meter.arrived(MINUTE, 20)
    meter.arrived(2 * MINUTE, 1)
    assert meter.load(2 * MINUTE).peak_per_hour == 20 * 60
    assert meter.load(730).peak_per_hour == 1 * 60
    assert meter.load(10_000).peak_per_hour == 0


def test_the_average_is_over_the_window() -> None:
    meter = LoadMeter(window_seconds=600)
    assert meter.load(0).average_duration_seconds is None
    meter.finished(0, 10)
    meter.finished(5 * MINUTE, 2)
    meter.finished(5 * MINUTE, 4)
    assert meter.load(5 * MINUTE).average_duration_seconds == 16 / 3
    assert meter.load(11 * MINUTE).average_duration_seconds == 3
    assert meter.load(10_000).average_duration_seconds is None


def test_a_clock_that_steps_back_counts_into_the_newest_minute() -> None:
    meter = LoadMeter(window_seconds=600)
    meter.arrived(10 * MINUTE, 1)
    meter.arrived(5 * MINUTE, 1)
    assert meter.load(10 * MINUTE).peak_per_hour == 2 * 60
