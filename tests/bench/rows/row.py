"""What a row of the benchmark is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bench.ground import Ground
from bench.profile import Profiler
from bench.results import Measurement
from bench.sizes import Size
from testbed.progress import Step


@dataclass(frozen=True)
class Bench:
    """What a row is given: how much to do, who watches, and what the rows before it found, by their keys."""

    size: Size
    profiler: Profiler | None = None
    found: Mapping[str, Measurement] = field(default_factory=dict[str, Measurement])


class Row(Protocol):
    """One thing to measure."""

    @property
    def key(self) -> str:
        """How it is called on the command line."""
        ...

    @property
    def title(self) -> str:
        """What it does, for the progress display and the table."""
        ...

    def measure(self, ground: Ground, bench: Bench, step: Step) -> Measurement:
        """Do it, on a fresh ground."""
        ...


def by_part(cpu: Mapping[str, float]) -> dict[str, float]:
    """CPU seconds with the workers added up."""
    parts: dict[str, float] = {}
    for name, seconds in cpu.items():
        part = name.split()[0]
        parts[part] = parts.get(part, 0) + seconds
    return parts


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that at least so many percent do not exceed (nearest rank); of at least one value."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
