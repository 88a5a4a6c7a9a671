"""What the database says when all is over."""

from dataclasses import dataclass, field

TERMINAL = frozenset({"succeeded", "failed", "cancelled", "timeout"})


@dataclass(frozen=True, slots=True)
class Row:
    """An execution; ``ended_at`` is when its terminal status was committed, by the database's clock.

    ``said`` is what its result says where no run gave it: why it did not succeed, or who says that it did.
    """

    execution_id: int
    key: str
    action: str
    status: str
    queue_order: int
    dispatch_order: int | None
    attempt: int
    ended_at: float | None
    said: str | None = None

    @property
    def terminal(self) -> bool:
        """Whether it has reached its end."""
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True)
class Totals:
    """What the executor counted of an action's executions: waiting, active, and all that were accepted and ended."""

    waiting: int
    active: int
    enqueued: int
    completed: int


@dataclass(frozen=True, slots=True)
class Final:
    """All rows, and the totals by action; ``at`` is when they were read."""

    at: float
    rows: tuple[Row, ...]
    totals: dict[str, Totals] = field(default_factory=dict[str, Totals])
