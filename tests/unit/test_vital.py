"""Signs of life."""

from attune_executor.vital import Vital


def test_since_counts_from_the_change_and_the_last_error_stays() -> None:
    now = 10.0
    vital = Vital(lambda: now)
    assert (vital.ok, vital.since, vital.last_success, vital.last_error) == (True, 10.0, None, None)
    now = 11.0
    vital.succeeded()
    assert (vital.since, vital.last_success) == (10.0, 11.0)
    now = 12.0
    vital.failed("away")
    now = 13.0
    vital.failed("refused")
    assert (vital.ok, vital.since, vital.last_success, vital.last_error) == (False, 12.0, 11.0, "refused")
    now = 14.0
    vital.succeeded()
    assert (vital.ok, vital.since, vital.last_success, vital.last_error) == (True, 14.0, 14.0, "refused")
