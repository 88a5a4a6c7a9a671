"""Giving up what waits in a queue: a bounded number at a time, so that no turn grows with the backlog."""

from collections import deque
from typing import ClassVar, Final, NamedTuple

from attune_executor.domain.action_queue import ActionQueue, Group
from attune_executor.domain.execution import Ending, ExecutionStatus

PURGED_AT_MOST: Final = 50_000
"""Executions that one request may cancel; the runbook's emergency queue. Whoever means more asks again."""
_TOLERANCE: Final = 10
"""One in so many more than the caller saw may wait."""


class PurgeOrder(NamedTuple):
    """Cancel what waits for an action, and nothing that runs.

    Attributes:
        action_ref: whose queue.
        expected: how many executions the caller has seen waiting.
        up_to: the last queue order that is meant, which an earlier report named; None: whatever waits at this moment.
    """

    action_ref: str
    expected: int
    up_to: int | None = None


class PurgeReport(NamedTuple):
    """What a purge came to.

    Attributes:
        cancelled: executions that will not run.
        remaining: how many of those that were meant wait still, since one request cancels `PURGED_AT_MOST`.
        up_to: the last queue order that was meant; later arrivals were not touched.
    """

    cancelled: int
    remaining: int
    up_to: int


class PurgeRefused(NamedTuple):
    """Nothing was cancelled: ``queue_length`` executions wait, far more than the caller saw."""

    queue_length: int


class Purge:
    """A purge under way. It is known to nobody but who asked for it: what is left of it after a crash waits on.

    Args:
        queue: to be purged.
        up_to: the last queue order that is meant.
    """

    ENDING: ClassVar[Ending] = Ending.because(ExecutionStatus.CANCELLED, "cancelled: its queue was purged")

    def __init__(self, queue: ActionQueue, up_to: int) -> None:
        self.queue = queue
        self.up_to = up_to
        self.cancelled = 0
        # A reference for each line, once. A line that is new afterwards has nothing that is meant.
        self._lines = deque(group for group in queue.groups.values() if group.waiting)

    @classmethod
    def begin(cls, order: PurgeOrder, queue: ActionQueue) -> "Purge | PurgeRefused":
        """Mean what waits now, unless that is more than a tenth more than the caller has seen."""
        up_to = queue.last_order if order.up_to is None else min(order.up_to, queue.last_order)
        purge = cls(queue, up_to)
        waiting = purge._remaining()
        if (waiting - order.expected) * _TOLERANCE > order.expected:
            return PurgeRefused(waiting)
        return purge

    @property
    def line(self) -> Group | None:
        """The line to go on with; None where the purge is over."""
        return self._lines[0] if self._lines and self.cancelled < PURGED_AT_MOST else None

    def ended_one(self) -> None:
        """The head of ``line`` was cancelled."""
        self.cancelled += 1

    def line_is_done(self) -> None:
        """Nothing that is meant waits in ``line``."""
        self._lines.popleft()

    def report(self) -> PurgeReport | None:
        """What it came to; None while it goes on."""
        return None if self.line is not None else PurgeReport(self.cancelled, self._remaining(), self.up_to)

    def _remaining(self) -> int:
        return sum(line.waiting.up_to(self.up_to) for line in self._lines)
