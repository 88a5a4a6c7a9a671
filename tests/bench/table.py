"""The results as people compare them: a line for each figure, its goal beside it, and who used the processors."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from bench.results import Figure, Measurement


def table(environment: Mapping[str, Any], measurements: Sequence[Measurement]) -> Group:
    """Everything that was measured."""
    figures = Table(title="Benchmark", title_justify="left", header_style="bold")
    for column in ("Row", "System", "What"):
        figures.add_column(column)
    figures.add_column("Figure")
    figures.add_column("Value", justify="right")
    figures.add_column("Goal", justify="right")
    figures.add_column("CPU seconds")
    for measurement in measurements:
        for number, figure in enumerate(measurement.figures):
            lead = (measurement.key, measurement.system, measurement.title) if number == 0 else ("", "", "")
            cpu = _cpu(measurement.cpu_seconds) if number == 0 else ""
            figures.add_row(*lead, figure.name, _value(figure), _goal(figure), cpu)
        figures.add_section()
    notes = Table(title="What the numbers mean", title_justify="left", header_style="bold")
    notes.add_column("Row")
    notes.add_column("Guarantees and method")
    for measurement in measurements:
        notes.add_row(measurement.key, measurement.note)
    about = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in environment.items())
    return Group(figures, notes, Text(about, style="dim"))


def _value(figure: Figure) -> str:
    digits = 0 if abs(figure.value) >= 100 else 2
    return f"{figure.value:,.{digits}f} {figure.unit}"


def _goal(figure: Figure) -> Text:
    if figure.goal is None:
        return Text("")
    met = figure.goal.met(figure.value)
    return Text(f"{figure.goal} {'✓' if met else '✗'}", style="green" if met else "red")


def _cpu(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{part} {used:.1f}" for part, used in seconds.items())
