"""How long an execution is expected to wait."""

from attune_executor.domain.policy import RateLimit


def estimated_wait_seconds(
    ahead: int, slots: int, average_seconds: float | None, rate_limit: RateLimit | None = None
) -> float | None:
    """Seconds until an execution may start: the work before it over the slots, and no sooner than a rate limit lets it.

    Args:
        ahead: executions of its line that have to end before it starts; for one that waits, its place in the line,
            since the slots are taken as long as anything waits.
        slots: executions of the line that run at a time: the limit, or what the workers can take where that is less.
        average_seconds: mean run time; None while nothing was measured.
        rate_limit: of the action.

    Returns:
        None where it cannot be told: nothing was measured, or nothing runs at all.
    """
    if ahead <= 0:
        return 0.0
    if average_seconds is None or slots <= 0:
        return None
    wait = ahead * average_seconds / slots
    if rate_limit is None:
        return wait
    return max(wait, (ahead - 1) * rate_limit.window_seconds / rate_limit.max_executions)
