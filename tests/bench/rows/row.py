"""What a row of the benchmark is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bench.ground import Ground
from bench.profile import Profiler
from bench.results import Measurement
from bench.sizes import Size
from testbed.progress import Step


@dataclass
class Bench:
    """What a row is given: how much to do, who watches, and what the rows before it found."""

    size: Size
    profiler: Profiler | None = None
    found: dict[str, Measurement] = field(default_factory=dict[str, Measurement])


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
