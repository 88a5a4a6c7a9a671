"""What an SRE declares about one action's queue."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from attune_executor.domain.errors import PolicyError

DEFAULT_MAX_QUEUE_LENGTH: Final = 10_000
"""The runbook's ``executor.queue.max_queue_length``."""
DEFAULT_POOL: Final = "default"


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
        pool: worker pool that runs the action, 1 to 63 characters.
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
        if not 1 <= len(self.pool) <= 63:  # noqa: PLR2004 - the length of a Kubernetes name, said in the message
            raise PolicyError(f"pool is {self.pool!r}: name a worker pool in 1 to 63 characters")
        if self.peak_window_seconds < 60:  # noqa: PLR2004 - one bucket of the load meter, said in the message
            raise PolicyError(f"peak_window_seconds is {self.peak_window_seconds}: set it to 60 or more")
