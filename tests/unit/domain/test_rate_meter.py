"""RateMeter: never more than the limit in any window, and not much less."""

from hypothesis import given, settings
from hypothesis import strategies as st

from attune_executor.domain.policy import RateLimit
from attune_executor.domain.rate_meter import RateMeter

WINDOW = 64.0


@settings(max_examples=100, deadline=None)
@given(
    limit=st.integers(1, 9),
    pauses=st.lists(st.sampled_from((0.0, 0.1, 0.9, 1.0, 5.0, 63.0, 64.0)), max_size=120),
    restart_at=st.integers(0, 120),
)
def test_no_window_holds_more_than_the_limit(limit: int, pauses: list[float], restart_at: int) -> None:
    meter = RateMeter(RateLimit(limit, WINDOW))
    now, taken = 0.0, list[float]()
    for number, pause in enumerate(pauses):
        now += pause
        if number == restart_at:
            meter = RateMeter(meter.limit, meter.marks)
        if meter.available(now):
            meter.take(now)
            taken.append(now)
        assert sum(at + WINDOW > now for at in taken) <= limit
        certain = sum(at + WINDOW + WINDOW / 64 > now for at in taken)
        assert meter.available(now) >= limit - certain


def test_names_the_moment_at_which_the_next_may_leave() -> None:
    meter = RateMeter(RateLimit(2, WINDOW))
    meter.take(0.0)
    meter.take(10.0)
    assert meter.available(11.0) == 0
    assert meter.next_at() == WINDOW
    assert meter.available(WINDOW - 0.001) == 0
    assert meter.available(WINDOW) == 1


def test_keeps_a_few_dozen_marks_for_any_number_of_dispatches() -> None:
    meter = RateMeter(RateLimit(100_000, WINDOW))
    for number in range(20_000):
        meter.take(number * 0.003)
    assert len(meter.marks) <= 66


def test_a_smaller_limit_waits_until_the_excess_has_left() -> None:
    meter = RateMeter(RateLimit(3, WINDOW))
    for at in (0.0, 10.0, 20.0):
        meter.take(at)
    lowered = RateMeter(RateLimit(1, WINDOW), meter.marks)
    assert lowered.available(30.0) == 0
    assert lowered.next_at() == 20.0 + WINDOW
