"""Shows long work as it goes on: a spinner or bar with the elapsed time on a terminal, plain lines elsewhere.

Everything goes to standard error, so that a command's result can be piped.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

CONSOLE = Console(stderr=True, highlight=False, soft_wrap=True)
SECONDS_BETWEEN_LINES = 30.0


class Step(Protocol):
    """One piece of work under way."""

    def advance(self, done: int, total: int | None, what: str) -> None:
        """Say how far it is: `done` of `total` (None when nobody knows) `what`, e.g. 12 of 80 packages."""
        ...


@contextmanager
def step(title: str) -> Generator[Step]:
    """Show `title` while the block runs, then how long it took; a failure is shown as one and passes on."""
    started = time.monotonic()
    shown = _step_on_terminal(title) if CONSOLE.is_terminal else _step_in_lines(title)
    try:
        with shown as current:
            yield current
    except BaseException:
        CONSOLE.print(f"[red]✗[/red] {title} [dim]after {elapsed(started)}[/dim]")
        raise
    CONSOLE.print(f"[green]✓[/green] {title} [dim]{elapsed(started)}[/dim]")


def elapsed(started: float) -> str:
    """Return the time since `started`, a reading of time.monotonic(), as people say it: 0.4 s, 6 min 40 s."""
    seconds = time.monotonic() - started
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


class _Bar:
    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None, note="")

    def advance(self, done: int, total: int | None, what: str) -> None:
        note = f"{done} {what}" if total is None else f"{done} of {total} {what}"
        self._progress.update(self._task, completed=done, total=total, note=note)


class _Lines:
    def __init__(self, title: str) -> None:
        self._title = title
        self._next = time.monotonic() + SECONDS_BETWEEN_LINES

    def advance(self, done: int, total: int | None, what: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SECONDS_BETWEEN_LINES
            CONSOLE.print(f"  {self._title}: {done}{'' if total is None else f' of {total}'} {what}")


@contextmanager
def _step_on_terminal(title: str) -> Generator[Step]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("[dim]{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=CONSOLE, transient=True) as progress:
        yield _Bar(progress, title)


@contextmanager
def _step_in_lines(title: str) -> Generator[Step]:
    CONSOLE.print(f"… {title}")
    yield _Lines(title)
