"""What can be wrong."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """The guarantee that was not kept."""

    LOST = "lost"
    """Acknowledged, and not in the database."""
    UNFINISHED = "unfinished"
    """Accepted, and not terminal at the end."""
    DUPLICATED = "duplicated"
    """One idempotency key, more than one execution."""
    MISCOUNTED = "miscounted"
    """The executor counted an acceptance or an end twice, or not at all."""
    UNFOUNDED = "unfounded"
    """A terminal status that nothing explains: succeeded without a finished run, cancelled though nobody asked."""
    PHANTOM = "phantom"
    """A run of what was never accepted."""
    OVERRULED = "overruled"
    """Answered as completed by hand, and it ended otherwise, or later."""
    MISPURGED = "mispurged"
    """A purge ended what it does not mean, or did not do what it says."""
    UNCAUSED_RERUN = "uncaused_rerun"
    """Run again without a new attempt and without a disturbance that explains it."""
    ACCEPTANCE_ORDER = "acceptance_order"
    """Asked for after another one of its action was acknowledged, and yet before it in the queue."""
    DISPATCH_ORDER = "dispatch_order"
    """First dispatched before one that was ahead of it in the queue."""
    START_ORDER = "start_order"
    """First run before one that was ahead of it in a queue of concurrency 1."""
    OVER_LIMIT = "over_limit"
    """More executions of an action ran at a time than its limit."""

    OVER_RATE = "over_rate"
    """More executions of an action started within a window than its rate limit lets start."""
    NOT_FENCED = "not_fenced"
    """An executor that had been paused and replaced woke up, and did not stand down."""


class Violation(NamedTuple):
    """One finding, with what a person needs to look it up."""

    kind: Kind
    what: str
