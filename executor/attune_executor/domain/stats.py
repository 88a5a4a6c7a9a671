"""How a queue is: the runbook's statistics, and the measured load that scaling works from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """Measured demand of one action.

    Attributes:
        peak_per_hour: highest arrival rate of any minute in the peak window, in executions per hour.
        average_duration_seconds: mean run time of the executions that finished in the window; None before the
            first one finishes.
    """

    peak_per_hour: float
    average_duration_seconds: float | None


@dataclass(frozen=True, slots=True)
class QueueStats:
    """One action's queue at one moment; the runbook's columns of ``attune.queue_stats`` and a little more.

    Times are Unix seconds. ``queue_length`` counts waiting executions, ``active_count`` dispatched and unfinished
    ones, ``max_concurrent`` is the limit in force; totals count since the action was first known.
    ``last_updated`` is the last time that anything in the queue changed.
    """

    action_id: int
    action_ref: str
    queue_length: int
    active_count: int
    max_concurrent: int
    oldest_enqueued_at: float | None
    total_enqueued: int
    total_completed: int
    total_rejected: int
    last_updated: float
    load: Load
