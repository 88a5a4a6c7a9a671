"""AcceptanceTimes: one moment, one execution."""

from datetime import UTC, datetime

from attune_executor.domain.acceptance import AcceptanceTimes

NOW = 1_764_108_000.123456


def microseconds(seconds: float) -> int:
    """As the database rounds them."""
    return round(seconds * 1e6)


def test_those_of_one_turn_are_a_microsecond_apart() -> None:
    times = AcceptanceTimes()
    created = [microseconds(times.next(NOW)) for _ in range(50_000)]
    assert created == list(range(microseconds(NOW), microseconds(NOW) + 50_000))
    moments = {datetime.fromtimestamp(each / 1e6, UTC) for each in created}
    assert len(moments) == len(created)


def test_the_next_turn_comes_after_the_last_however_soon_it_is() -> None:
    times = AcceptanceTimes()
    first = [times.next(NOW) for _ in range(1000)]
    second = [times.next(NOW + 0.0005) for _ in range(1000)]
    assert first + second == sorted(set(first + second))
    assert times.next(NOW + 1) == NOW + 1


def test_a_successor_goes_on_after_what_it_finds() -> None:
    times = AcceptanceTimes()
    times.follow(NOW + 0.002)
    times.follow(NOW)
    assert NOW + 0.002 < times.next(NOW) < NOW + 0.003


def test_a_clock_that_is_set_back_is_followed() -> None:
    times = AcceptanceTimes()
    times.next(NOW)
    assert NOW < times.next(NOW - 0.5) < NOW + 0.001
    assert times.next(NOW - 60) == NOW - 60
