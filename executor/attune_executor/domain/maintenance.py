"""Housekeeping of the database: which tasks there are, when each is due, what is old. Pure: the time is a parameter.

Tasks are due on a grid of time rather than a while after the last run. Snapshots are then exactly as far apart as the
runbook's growth analysis assumes, and restarts shift nothing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import floor
from typing import Final

HOUR: Final = 3600
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

MAINTAINING_SHARD: Final = 0
"""The tables are everybody's; whoever owns this shard looks after them."""
STATS_KEPT_SECONDS: Final = 7 * DAY
"""Statistics of a queue at rest are deleted when they are older."""
DEFAULT_SNAPSHOT_RETENTION_DAYS: Final = 30
"""Snapshots of the queues are deleted when they are older: the runbook's "Queue Snapshots Cleanup"."""
DEFAULT_GROWTH_RETENTION_DAYS: Final = 400
"""Counts of a day are deleted when they are older: a year and a month can be compared with the one before."""
DEFAULT_EXECUTION_RETENTION_DAYS: Final = 30
"""As far back as the runbook's report for growth planning looks, and no further."""

_QUIET: Final = 3 * HOUR  # 03:00 UTC
_SUNDAY: Final = 3 * DAY  # 1970-01-01 was a Thursday
_WORK_SHARE: Final = 0.1
_SHORTEST_REST_SECONDS: Final = 0.01


class Task(StrEnum):
    """A task of maintenance, as named in ``attune.maintenance_run``."""

    SNAPSHOT_QUEUES = "snapshot-queues"
    """Every queue that is not empty or idle, into ``attune.queue_snapshots``."""
    CLEAN_QUEUE_STATS = "clean-queue-stats"
    """Statistics of queues long at rest."""
    DELETE_SNAPSHOTS = "delete-snapshots"
    """Snapshots past their time."""
    COUNT_DAYS = "count-days"
    """Executions into the counts of their days, ``attune.execution_day``, and old days away."""
    DELETE_EXECUTIONS = "delete-executions"
    """Finished executions past their retention."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Due once in every period of ``every_seconds``; periods begin ``offset_seconds`` after the Unix epoch's."""

    every_seconds: int
    offset_seconds: int = 0

    def due_at(self, last_started: float | None, now: float) -> float:
        """When the next run is due, in Unix seconds: not after ``now`` if it is due already.

        A first run is due at once, and so is one whose predecessor lies in the future: a clock was wrong.
        """
        if last_started is None or last_started > now + self.every_seconds:
            return now
        period = floor((last_started - self.offset_seconds) / self.every_seconds)
        return (period + 1) * self.every_seconds + self.offset_seconds

    def __str__(self) -> str:
        """For people: ``every 5 minutes``, ``every hour``, ``daily at 03:00 UTC``, ``Sundays at 03:00 UTC``."""
        begins = datetime.fromtimestamp(self.offset_seconds, UTC)
        match self.every_seconds:
            case 604_800:
                return f"{begins:%A}s at {begins:%H:%M} UTC"
            case 86_400:
                return f"daily at {begins:%H:%M} UTC"
            case 3600:
                return "every hour"
            case seconds:
                return f"every {seconds // 60} minutes"


SCHEDULES: Final = {
    Task.SNAPSHOT_QUEUES: Schedule(300),
    Task.CLEAN_QUEUE_STATS: Schedule(WEEK, _SUNDAY + _QUIET),
    Task.DELETE_SNAPSHOTS: Schedule(DAY, _QUIET),
    # What is accepted before midnight has ended by then, unless it waits or runs for hours.
    Task.COUNT_DAYS: Schedule(DAY, _QUIET),
    Task.DELETE_EXECUTIONS: Schedule(HOUR),
}


PURPOSES: Final = {
    Task.SNAPSHOT_QUEUES: "copies every queue that is not empty or idle to attune.queue_snapshots",
    Task.CLEAN_QUEUE_STATS: "deletes the statistics of queues that were at rest for 7 days",
    Task.DELETE_SNAPSHOTS: "deletes snapshots past their retention",
    Task.COUNT_DAYS: "counts the executions of every day that is over into attune.execution_day",
    Task.DELETE_EXECUTIONS: "deletes finished executions past their retention",
}
"""What each task does, for people."""
SWITCHES: Final = {
    Task.SNAPSHOT_QUEUES: "spec.snapshots.enabled of the ExecutorConfig, and executor.queue.enable_metrics",
    Task.DELETE_SNAPSHOTS: "spec.retention.snapshotDays of the ExecutorConfig",
    Task.DELETE_EXECUTIONS: "spec.retention.executionDays of the ExecutorConfig,"
    " or executor.maintenance.execution_retention_days",
}
"""The settings that switch a task off, where it can be."""


@dataclass(frozen=True, slots=True)
class MaintenanceRules:
    """What is done.

    Attributes:
        snapshots: whether queues are snapshot; without statistics in the table there is nothing true to copy.
        execution_retention_days: a finished execution is deleted this long after it finished; 0: never.
        snapshot_retention_days: a snapshot is deleted this long after it was taken; 0: never.
        growth_retention_days: the counts of a day are deleted this long after it; 0: never.
    """

    snapshots: bool = True
    execution_retention_days: int = DEFAULT_EXECUTION_RETENTION_DAYS
    snapshot_retention_days: int = DEFAULT_SNAPSHOT_RETENTION_DAYS
    growth_retention_days: int = DEFAULT_GROWTH_RETENTION_DAYS

    def tasks(self) -> list[Task]:
        """The tasks to run."""
        off = {
            Task.SNAPSHOT_QUEUES: not self.snapshots,
            Task.DELETE_SNAPSHOTS: self.snapshot_retention_days == 0,
            Task.DELETE_EXECUTIONS: self.execution_retention_days == 0,
        }
        return [task for task in Task if not off.get(task, False)]

    def executions_kept_since(self, now: float) -> float:
        """Executions that finished before this Unix time are deleted."""
        return _kept_since(self.execution_retention_days, now)

    def snapshots_kept_since(self, now: float) -> float:
        """Snapshots taken before this Unix time are deleted."""
        return _kept_since(self.snapshot_retention_days, now)

    def days_kept_since(self, now: float) -> float:
        """The counts of days before that of this Unix time are deleted."""
        return _kept_since(self.growth_retention_days, now)


def _kept_since(days: int, now: float) -> float:
    # Nothing is older than 1970: of "never" must not come "everything".
    return now - days * DAY if days else 0.0


def rest_seconds(work_seconds: float) -> float:
    """How long to rest after a batch that took ``work_seconds``, so that turns have the database most of the time."""
    return max(_SHORTEST_REST_SECONDS, work_seconds * (1 / _WORK_SHARE - 1))


@dataclass(frozen=True, slots=True)
class TaskRun:
    """The last completed run of a task: when it began (Unix seconds), how long it took, the rows written or deleted."""

    task: Task
    started_at: float
    seconds: float
    rows: int


@dataclass(frozen=True, slots=True)
class TaskReport:
    """How a task stands.

    Attributes:
        last: its last completed run, by whichever owner; None before the first.
        due_at: when the next begins, in Unix seconds; None until it is known.
        running: whether a run is under way, or asked for and about to begin.
        failure: why the latest attempt failed; None after a success.
        failures: attempts that failed since this executor does the maintenance.
        enabled: whether the rules have it done at all.
    """

    task: Task
    last: TaskRun | None = None
    due_at: float | None = None
    running: bool = False
    failure: str | None = None
    failures: int = 0
    enabled: bool = True
