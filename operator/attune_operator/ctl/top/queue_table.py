"""The table of `attune top`: draws anew what has changed, since of a thousand queues few do between two looks."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.widgets import DataTable


class Cell(NamedTuple):
    """What stands in one place of the table, and how; ``right`` has numbers stand under each other."""

    text: str
    style: str
    right: bool

    def drawn(self) -> Text:
        """As the table takes it."""
        return Text(self.text, style=self.style, justify="right" if self.right else "left")


class QueueTable(DataTable[Text]):
    """Rows by their place, from the top; which queue a row shows may change with every look."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select_cursor", "one queue")]

    def __init__(self) -> None:
        # The cursor lies under the row's colour, which says how urgent it is.
        super().__init__(cursor_type="row", zebra_stripes=True, cursor_foreground_priority="renderable")
        self._heads: Sequence[Cell] = ()
        self._widths: list[int] = []
        self._shown: list[Sequence[Cell]] = []

    def show(self, heads: Sequence[Cell], rows: Sequence[Sequence[Cell]], cursor: int | None) -> None:
        """Show these rows, with the cursor on that one; where it is None it stays at its place.

        Columns grow and do not shrink, or a table with many rows would be measured at every look.
        """
        scrolled = self.scroll_offset
        widths = [max(cell_len(row[place].text) for row in (heads, *rows)) for place in range(len(heads))]
        if heads != self._heads or any(needed > width for needed, width in zip(widths, self._widths, strict=True)):
            self.clear(columns=True)
            for place, (head, width) in enumerate(zip(heads, widths, strict=True)):
                self.add_column(head.drawn(), key=str(place), width=width)
            self._heads, self._widths, self._shown = heads, widths, []
        for number in reversed(range(len(rows), len(self._shown))):
            self.remove_row(str(number))
        for number, (old, new) in enumerate(zip(self._shown, rows, strict=False)):
            for place, (before, after) in enumerate(zip(old, new, strict=True)):
                if before != after:
                    self.update_cell_at(Coordinate(number, place), after.drawn())
        for number in range(len(self._shown), len(rows)):
            self.add_row(*(cell.drawn() for cell in rows[number]), key=str(number))
        self._shown = list(rows)
        if cursor is not None:
            self.move_cursor(row=cursor, scroll=False)
        self.scroll_to(scrolled.x, scrolled.y, animate=False, force=True)
