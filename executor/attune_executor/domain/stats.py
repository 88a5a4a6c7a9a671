"""How a queue is: the runbook's statistics, and the measured load that scaling works from."""

from dataclasses import dataclass

from attune_executor.domain.durations import DurationPercentiles
from attune_executor.domain.policy import Admission


@dataclass(frozen=True, slots=True)
class Load:
    """Measured demand of one action.

    Attributes:
        peak_per_hour: highest arrival rate of any five minutes in the peak window, in executions per hour.
        average_duration_seconds: mean run time of the executions that finished in the window, or of the last ones
            before it; None before the first one finishes.
        arrivals_per_hour: present rate of arrivals: of the last five whole minutes, in executions per hour.
        durations: percentiles of the run times in the window; None where nothing finished in it.
        calibrated: whether all of the window was seen; False while the history before a restart is being read.
    """

    peak_per_hour: float
    average_duration_seconds: float | None
    arrivals_per_hour: float = 0.0
    durations: DurationPercentiles | None = None
    calibrated: bool = True


@dataclass(frozen=True, slots=True)
class QueueStats:
    """One action's queue at one moment; the runbook's columns of ``attune.queue_stats`` and a little more.

    Times are Unix seconds. ``queue_length`` counts waiting executions, ``active_count`` dispatched and unfinished
    ones, ``max_concurrent`` is the limit in force; totals count since the action was first known.
    ``last_updated`` is the last time that anything in the queue changed. ``lines`` counts the lines with something
    to do: with ``group_by`` one for each group, and each has the limit to itself. ``admission`` is what holds for the
    action; None where another process owns its queue and only the database tells of it.
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
    lines: int = 1
    admission: Admission | None = None
