"""What an SRE declares about one action's queue."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from attune_executor.domain.errors import PolicyError

DEFAULT_MAX_QUEUE_LENGTH: Final = 10_000
"""The runbook's ``executor.queue.max_queue_length``."""
DEFAULT_QUEUE_TIMEOUT_SECONDS: Final = 3600
"""The runbook's ``executor.queue.queue_timeout_seconds``."""
DEFAULT_POOL: Final = "default"
DEFAULT_PRIORITY: Final = 5
MAX_PRIORITY: Final = 10

_LABEL: Final = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_POOL: Final = re.compile(rf"{_LABEL}(\.{_LABEL})?")
_SHORTEST_PEAK_WINDOW_SECONDS: Final = 60


def check_pool(pool: str) -> None:
    """Make sure that ``pool`` is a DNS label, or two with a dot between: a Deployment, and its namespace where needed.

    Others would be wildcards in routing keys.

    Raises:
        PolicyError: it is not.
    """
    if not _POOL.fullmatch(pool):
        raise PolicyError(
            f"pool is {pool!r}: use 1 to 63 lower-case letters, digits and hyphens, not a hyphen first or last;"
            " a namespace may follow after a dot"
        )


def _at_least(name: str, value: float | None, least: float, remedy: str = "") -> None:
    if value is not None and not value >= least:
        raise PolicyError(f"{name} is {value:g}: set it to {least:g} or more{remedy}")


class Admission(StrEnum):
    """Whether an action takes new executions, and whether it starts waiting ones."""

    OPEN = "Open"
    """Accept and start."""
    HOLD = "Hold"
    """Accept, start nothing: what runs finishes."""
    CLOSED = "Closed"
    """Refuse new ones; what waits drains under the limit."""


class WorkerLost(StrEnum):
    """What becomes of an execution whose worker is lost while it may have been running it."""

    RETRY = "Retry"
    """Run it again: at least once."""
    FAIL = "Fail"
    """It fails as worker lost: at most once."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How many executions may start in any window of time; beyond it the head of the line waits.

    Attributes:
        max_executions: dispatches within ``window_seconds``, at least 1.
        window_seconds: length of the sliding window, above 0.
    """

    max_executions: int
    window_seconds: float

    def __post_init__(self) -> None:
        _at_least("rate_limit.max_executions", self.max_executions, 1)
        if not self.window_seconds > 0:
            raise PolicyError(f"rate_limit.window_seconds is {self.window_seconds:g}: set it above 0")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What follows a run that did not succeed.

    Attributes:
        max_attempts: how often an execution is run until it succeeds, at least 1; a timeout counts as a run.
        delay_seconds: pause before it runs again; it keeps its slot, so that nothing overtakes it.
        worker_lost: whether a run that is lost with its worker is repeated. Such runs do not count as attempts.
    """

    max_attempts: int = 1
    delay_seconds: float = 0.0
    worker_lost: WorkerLost = WorkerLost.RETRY

    def __post_init__(self) -> None:
        _at_least("retry.max_attempts", self.max_attempts, 1)
        _at_least("retry.delay_seconds", self.delay_seconds, 0)


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """Limits of one action's queue.

    Attributes:
        concurrency: executions of the action (of each group, with ``group_by``) that may be dispatched and unfinished
            at once, at least 1.
        max_queue_length: waiting executions beyond which the next is refused, at least 0 (0: never wait).
        admission: whether new executions are accepted and waiting ones started.
        pool: worker pool that runs the action, as `check_pool` takes it.
        peak_window_seconds: how far back the peak arrival rate and the average duration look, at least 60.
        queue_timeout_seconds: an execution that waits longer ends with status timeout; None: it may wait for ever.
        execution_timeout_seconds: a run that takes longer is stopped and times out; None: it may run for ever.
        group_by: parameters whose values make a group; each group has the concurrency, and an order, of its own.
        rate_limit: how fast executions may start; None: as fast as slots become free.
        priority: 0 (first to go in an emergency) to 10.
        tags: labels that emergency closing may select by.
        retry: what follows a run that did not succeed.

    Raises:
        PolicyError: when a field is out of its range.
    """

    concurrency: int
    max_queue_length: int = DEFAULT_MAX_QUEUE_LENGTH
    admission: Admission = Admission.OPEN
    pool: str = DEFAULT_POOL
    peak_window_seconds: int = 3600
    queue_timeout_seconds: float | None = DEFAULT_QUEUE_TIMEOUT_SECONDS
    execution_timeout_seconds: float | None = None
    group_by: tuple[str, ...] = ()
    rate_limit: RateLimit | None = None
    priority: int = DEFAULT_PRIORITY
    tags: tuple[str, ...] = ()
    retry: RetryPolicy = RetryPolicy()

    def __post_init__(self) -> None:
        _at_least("concurrency", self.concurrency, 1, ", or admission to Hold")
        _at_least("max_queue_length", self.max_queue_length, 0)
        check_pool(self.pool)
        _at_least("peak_window_seconds", self.peak_window_seconds, _SHORTEST_PEAK_WINDOW_SECONDS)
        for name in ("queue_timeout_seconds", "execution_timeout_seconds"):
            seconds = getattr(self, name)
            if seconds is not None and not seconds > 0:
                raise PolicyError(f"{name} is {seconds:g}: set it above 0, or leave it out for no limit")
        if not 0 <= self.priority <= MAX_PRIORITY:
            raise PolicyError(f"priority is {self.priority}: set it from 0 to {MAX_PRIORITY}")
        if len(set(self.group_by)) < len(self.group_by) or not all(self.group_by):
            raise PolicyError(f"group_by is {list(self.group_by)}: name each parameter once")
