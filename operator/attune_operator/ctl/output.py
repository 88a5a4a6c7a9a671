"""Printing: tables for people, JSON and YAML for scripts."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE_CONSOLE: Final = 10_000
"""Columns where no person reads: a pipe has no edge to wrap at."""


class Output(StrEnum):
    """What is printed."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"

    @property
    def for_people(self) -> bool:
        """Whether tables and sentences are wanted rather than a document."""
        return self in {Output.TABLE, Output.WIDE}


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as text: the heads of its columns, and a row of as many cells for each line.

    Attributes:
        styles: how rich shows a row, by its number; other rows are shown plainly.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    styles: Mapping[int, str]


def document(value: Any, output: Output) -> str:
    """``value`` as JSON or YAML, ending in a newline."""
    if output is Output.JSON:
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)


def show_document(value: Any, output: Output) -> None:
    """Print a document."""
    sys.stdout.write(document(value, output))


def show(grid: Grid) -> None:
    """Print a table; in colour on a terminal."""
    console = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else _WIDE_CONSOLE)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for head in grid.heads:
        table.add_column(head, no_wrap=True)
    for number, row in enumerate(grid.rows):
        # Text, since a name with brackets is no markup.
        table.add_row(*(Text(cell) for cell in row), style=grid.styles.get(number, ""))
    with console.capture() as capture:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def show_texts(lines: Sequence[Text]) -> None:
    """Print lines; in colour on a terminal."""
    console = Console(soft_wrap=True, highlight=False)
    for line in lines:
        console.print(line)


def say(line: str = "") -> None:
    """Print a sentence for people, at once: the command may go on, and what reads a pipe waits for it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
