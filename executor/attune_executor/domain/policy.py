"""What an SRE declares about one action's queue."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from attune_executor.domain.errors import PolicyError

DEFAULT_MAX_QUEUE_LENGTH: Final = 10_000
"""The runbook's ``executor.queue.max_queue_length``."""
DEFAULT_POOL: Final = "default"


_POOL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def check_pool(pool: str) -> None:
    """Make sure that ``pool`` is a DNS label: it names a Deployment, and in routing keys others would be wildcards.

    Raises:
        PolicyError: it is not.
    """
    if not _POOL.fullmatch(pool):
        raise PolicyError(
            f"pool is {pool!r}: use 1 to 63 lower-case letters, digits and hyphens, not a hyphen first or last"
        )


class Admission(StrEnum):
    """Whether an action takes new executions, and whether it starts waiting ones."""

    OPEN = "Open"
    """Accept and start."""
    HOLD = "Hold"
    """Accept, start nothing: what runs finishes."""
    CLOSED = "Closed"
    """Refuse new ones; what waits drains under the limit."""


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """Limits of one action's queue.

    Attributes:
        concurrency: executions of the action that may be dispatched and unfinished at once, at least 1.
        max_queue_length: waiting executions beyond which the next is refused, at least 0 (0: never wait).
        admission: whether new executions are accepted and waiting ones started.
        pool: worker pool that runs the action, a DNS label.
        peak_window_seconds: how far back the peak arrival rate and the average duration look, at least 60.

    Raises:
        PolicyError: when a field is out of its range.
    """

    concurrency: int
    max_queue_length: int = DEFAULT_MAX_QUEUE_LENGTH
    admission: Admission = Admission.OPEN
    pool: str = DEFAULT_POOL
    peak_window_seconds: int = 3600

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise PolicyError(f"concurrency is {self.concurrency}: set it to 1 or more, or admission to Hold")
        if self.max_queue_length < 0:
            raise PolicyError(f"max_queue_length is {self.max_queue_length}: set it to 0 or more")
        check_pool(self.pool)
        if self.peak_window_seconds < 60:  # noqa: PLR2004 - one bucket of the load meter, said in the message
            raise PolicyError(f"peak_window_seconds is {self.peak_window_seconds}: set it to 60 or more")
