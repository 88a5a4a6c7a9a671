"""What workers have reported and no turn has committed: while it grows old, completions back up."""

from typing import NamedTuple


class Backlog(NamedTuple):
    """Messages of workers that the executor has and has not acknowledged.

    Attributes:
        messages: how many.
        oldest_seconds: how long the first of them has waited; None: there is none.
    """

    messages: int
    oldest_seconds: float | None
