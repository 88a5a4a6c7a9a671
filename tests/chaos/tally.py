"""What a run has come to so far, for the display; the verdict comes from the history alone."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counters that clients and killer keep; `queues` is (waiting, active) by action as the executor last said."""

    accepted: int = 0
    refused: int = 0
    unknown: int = 0
    blows: Counter[str] = field(default_factory=Counter[str])
    queues: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    phase: str = "starting"
