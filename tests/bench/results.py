"""What a row of the benchmark found, and the file that keeps it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Goal:
    """What a figure should be: at least or at most so much, both inclusive."""

    at_least: float | None = None
    at_most: float | None = None

    def met(self, value: float) -> bool:
        """Whether a figure is within."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        limits = (("≥", self.at_least), ("≤", self.at_most))
        return " ".join(
            f"{sign} {limit:,.3g}" if limit < 100 else f"{sign} {limit:,.0f}"
            for sign, limit in limits
            if limit is not None
        )


@dataclass(frozen=True)
class Figure:
    """One measured number with its unit."""

    name: str
    value: float
    unit: str
    goal: Goal | None = None


@dataclass(frozen=True)
class Measurement:
    """One row: its figures, the CPU seconds that each part used while it was measured, and what the numbers mean.

    Attributes:
        key: how the row is called on the command line.
        system: who was measured.
        title: what was done.
        figures: what came of it.
        note: guarantees and method, for who compares.
        cpu_seconds: user and system time by part, PostgreSQL and the harness among them.
    """

    key: str
    system: str
    title: str
    figures: Sequence[Figure]
    note: str
    cpu_seconds: Mapping[str, float] = field(default_factory=dict[str, float])

    def figure(self, name: str) -> float:
        """The value of a figure; raises KeyError when the row has none of that name."""
        for figure in self.figures:
            if figure.name == name:
                return figure.value
        raise KeyError(name)


def save(path: Path, environment: Mapping[str, Any], measurements: Sequence[Measurement]) -> None:
    """Write everything as JSON."""
    document = {"environment": dict(environment), "rows": [asdict(measurement) for measurement in measurements]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
