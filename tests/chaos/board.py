"""What is going on, drawn in place on a terminal, a line every few seconds elsewhere."""

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from chaos.tally import Tally

_SECONDS_BETWEEN_LINES: Final = 10.0


class Board:
    """Shows a tally as it grows; use as a context manager."""

    def __init__(self, console: Console, tally: Tally) -> None:
        self._console = console
        self._tally = tally
        self._begun = time.monotonic()
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
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

    def show(self) -> None:
        """Draw the tally as it is now."""
        if self._live is not None:
            self._live.update(Group(self._queues(), self._blows(), Text(self._line())), refresh=True)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
            blows = ", ".join(f"{blow} {count}" for blow, count in sorted(self._tally.blows.items()))
            self._console.print(f"{self._line()}  {blows}", soft_wrap=True)

    def _line(self) -> str:
        tally = self._tally
        seconds = int(time.monotonic() - self._begun)
        return (
            f"{seconds // 60}:{seconds % 60:02} {tally.phase}: {tally.accepted} accepted, {tally.refused} refused,"
            f" {tally.unknown} unknown and asked again"
        )

    def _queues(self) -> Table:
        table = Table("Action", title="queues", title_justify="left")
        for heading in ("Waiting", "Active"):
            table.add_column(heading, justify="right")
        for action, counts in sorted(self._tally.queues.items()):
            table.add_row(action, *map(str, counts))
        return table

    def _blows(self) -> Table:
        table = Table("Blow", title="blows", title_justify="left")
        table.add_column("Times", justify="right")
        for blow, count in sorted(self._tally.blows.items()):
            table.add_row(blow, str(count), style="red")
        return table
