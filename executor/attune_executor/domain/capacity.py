"""The runbook's capacity formula."""

from fractions import Fraction
from math import ceil


def required_workers(peak_per_hour: float, average_duration_seconds: float, slots_per_worker: int) -> int:
    """Workers that keep up with the peak: runbook, Capacity Planning, "Calculating Required Capacity".

    ``Required Workers = (Peak Requests/Hour × Avg Duration) / 3600 / Concurrency Limit``, rounded up.

    Args:
        peak_per_hour: peak arrival rate, executions per hour, at least 0.
        average_duration_seconds: mean run time of one execution, seconds, at least 0.
        slots_per_worker: executions that one worker runs at a time, at least 1.

    Raises:
        ValueError: when an argument is out of its range.
    """
    if peak_per_hour < 0 or average_duration_seconds < 0 or slots_per_worker < 1:
        raise ValueError(
            f"peak_per_hour={peak_per_hour}, average_duration_seconds={average_duration_seconds} must be 0 or more"
            f" and slots_per_worker={slots_per_worker} 1 or more"
        )
    # Exact arithmetic: a product that is whole in decimals must not be rounded up to one worker too many.
    return ceil(
        Fraction(peak_per_hour).limit_denominator(10**6)
        * Fraction(average_duration_seconds).limit_denominator(10**6)
        / 3600
        / slots_per_worker
    )


def with_buffer(workers: int, buffer_percent: int) -> int:
    """``workers`` plus the runbook's buffer ("Add 50% buffer"), rounded up."""
    return -(-workers * (100 + buffer_percent) // 100)
