"""The live table of the demo: drawn in place on a terminal, a line every few seconds elsewhere."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

_SECONDS_BETWEEN_LINES = 5.0


@dataclass(frozen=True)
class QueueLine:
    """One queue at this moment; the wait is in seconds."""

    action: str
    queued: int
    running: int
    done: int
    oldest_seconds: float | None


@dataclass(frozen=True)
class Moment:
    """All that the table shows."""

    queues: Sequence[QueueLine]
    workers_now: int
    workers_desired: int | None
    note: str


class Board:
    """Shows moments as they come; use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._next_line = 0.0

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, moment: Moment) -> None:
        """Draw this moment."""
        if self._live is not None:
            self._live.update(table(moment), refresh=True)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
            self._console.print(line(moment), soft_wrap=True)


def table(moment: Moment) -> Table:
    """The moment as a table."""
    desired = "?" if moment.workers_desired is None else str(moment.workers_desired)
    drawn = Table(title=f"workers {moment.workers_now} → {desired}   {moment.note}", title_justify="left")
    drawn.add_column("Action")
    for heading in ("Queued", "Running", "Done", "Oldest wait"):
        drawn.add_column(heading, justify="right", min_width=7)
    for queue in moment.queues:
        drawn.add_row(
            queue.action, str(queue.queued), str(queue.running), str(queue.done), seconds(queue.oldest_seconds)
        )
    return drawn


def line(moment: Moment) -> str:
    """The moment as one line."""
    queues = "  ".join(
        f"{queue.action} {queue.queued}/{queue.running}/{queue.done} {seconds(queue.oldest_seconds)}"
        for queue in moment.queues
    )
    desired = "?" if moment.workers_desired is None else moment.workers_desired
    return f"workers {moment.workers_now}→{desired}  (queued/running/done oldest)  {queues}  {moment.note}"


def seconds(value: float | None) -> str:
    """A wait as people say it."""
    return "–" if value is None else f"{value:.1f} s"
