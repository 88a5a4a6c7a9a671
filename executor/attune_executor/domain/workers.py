"""What workers announce, and what is known of them from that."""

from collections.abc import Sequence
from typing import NamedTuple


class Heartbeat(NamedTuple):
    """A worker's answer to a roll call.

    Attributes:
        worker: its name, unique among the workers of all pools.
        pool: whose executions it runs.
        slots: executions that it runs at once, less those that it could not stop; 0 where nothing else is left.
        draining: whether it takes no more.
        held: (execution id, attempt) of everything that it was given and whose completion is not yet safe with the
            broker: what waits, runs, or is being reported.
    """

    worker: str
    pool: str
    slots: int
    draining: bool
    held: Sequence[tuple[int, int]]
