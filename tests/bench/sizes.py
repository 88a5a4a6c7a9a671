"""How much of everything: `full` is what the goals are stated for, `small` shows a change within minutes, `smoke` runs
in a test and says nothing about speed."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Size:
    """The amounts of every row.

    Attributes:
        many_queues: executions of row (a), over 100 queues.
        one_queue: executions of row (b).
        handoff_seconds: how long row (c) is observed.
        backlog: executions that wait in row (d).
        backlog_window: executions over which (d) averages the cost of one.
        queues: of row (e), with `per_queue` executions each.
        flood: executions of the flooding action of row (f).
        policies: of row (g).
        rest_seconds: how long (g) is observed at rest, and then under load.
        policy_changes: changes whose effect (g) waits for.
        peer_seconds: about how long a peer works; its count follows from its speed.
        peer_most: at most so many executions of a peer.
    """

    many_queues: int
    one_queue: int
    handoff_seconds: float
    backlog: int
    backlog_window: int
    queues: int
    per_queue: int
    flood: int
    policies: int
    rest_seconds: float
    policy_changes: int
    peer_seconds: float
    peer_most: int


class SizeName(StrEnum):
    """What the command line takes."""

    SMOKE = "smoke"
    SMALL = "small"
    FULL = "full"


SIZES = {
    SizeName.SMOKE: Size(500, 200, 2, 3_000, 1_000, 50, 5, 200, 10, 2, 3, 0.5, 200),
    SizeName.SMALL: Size(30_000, 6_000, 8, 110_000, 10_000, 1_000, 10, 5_000, 100, 15, 20, 4, 30_000),
    SizeName.FULL: Size(200_000, 50_000, 20, 1_000_000, 20_000, 10_000, 5, 50_000, 1_000, 60, 100, 12, 200_000),
}
