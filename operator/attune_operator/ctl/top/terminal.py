"""`attune top` on a terminal: the table, its keys, and the way to one queue."""

import asyncio
from datetime import UTC, datetime
from time import monotonic
from typing import ClassVar, Final

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Input, Static

from attune_executor.domain.policy import Admission
from attune_operator.ctl.errors import CtlError
from attune_operator.ctl.queues import Severity
from attune_operator.ctl.top.dialogs import Confirm, Help
from attune_operator.ctl.top.film import Film, Look
from attune_operator.ctl.top.heading import heading
from attune_operator.ctl.top.queue_screen import QueueScreen
from attune_operator.ctl.top.queue_table import Cell, QueueTable
from attune_operator.ctl.top.rows import Column, Order, Row, columns, rows
from attune_operator.ctl.top.world import World
from attune_operator.resources import ObjectKey

COLOURS: Final = {Severity.FINE: "", Severity.WARNING: "#ffb454", Severity.CRITICAL: "bold #ff7b72"}
"""Yellow and red that can be read on this screen's dark ground and on the cursor's."""
_SORT_KEYS: Final = " ".join(order.key for order in Order)
_OF_THE_TABLE: Final = {"sort", "reverse", "filter", "unfilter"}
_WIDTHS: Final = ((140, 24), (110, 14), (0, 8))
"""Columns of the terminal from which on the course of the depth has so many characters."""


class Top(App[None]):
    """The queues, live.

    Args:
        place: which policies are shown, for people.
        interval: seconds between looks.
        namespaces: whether policies of several are shown.
        first: what has been seen already.
    """

    TITLE = "attune top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #heading { height: auto; padding: 0 1; }
    QueueTable { height: 1fr; }
    #filter { display: none; height: 3; }
    #filter.open { display: block; }
    DataTable > .datatable--header { text-style: bold; }
    QueueTable > .datatable--cursor, QueueTable:focus > .datatable--cursor { background: $primary 40%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(order.key, f"sort('{order.name}')", "sort", key_display=_SORT_KEYS, show=order is Order.DEPTH)
            for order in Order
        ),
        Binding("R", "reverse", "reverse", show=False),
        Binding("slash", "filter", "filter", key_display="/"),
        Binding("p", "admit('HOLD')", "pause"),
        Binding("u", "admit('OPEN')", "resume"),
        Binding("question_mark", "help", "keys", key_display="?"),
        Binding("q", "quit", "quit"),
        Binding("escape", "unfilter", "no filter", show=False),
    ]

    def __init__(self, world: World, place: str, *, interval: float, namespaces: bool, first: Look) -> None:
        super().__init__()
        self.film = Film(first)
        self.order = Order.DEPTH
        self.reversed = False
        self.wanted = ""
        self._world = world
        self._place = place
        self._interval = interval
        self._columns = columns(namespaces=namespaces)
        self._keys: list[ObjectKey] = []
        self._heading = Static(id="heading")
        self._table = QueueTable()
        self._filter = Input(placeholder="part of a name, or of a note such as paused", id="filter")

    def compose(self) -> ComposeResult:
        """Heading, rows, filter, keys."""
        yield self._heading
        yield self._table
        yield self._filter
        yield Footer()

    def on_mount(self) -> None:
        """Show what is known, and begin to look."""
        self._table.focus()
        self._draw()
        self._look_again()
        self.set_interval(1.0, self._draw_heading)

    def on_resize(self) -> None:
        """Another width has another course of the depth."""
        self._draw()

    @work
    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            try:
                self.film.take(await self._world.look())
            except CtlError as error:
                self.film.fail(str(error), datetime.now(UTC))
            self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What belongs to the table is not done while one queue is shown."""
        del parameters
        return len(self.screen_stack) == 1 or action not in _OF_THE_TABLE

    def action_sort(self, name: str) -> None:
        """Sort by a column; the other way round where it was that one already."""
        order = Order[name]
        self.reversed = order is self.order and not self.reversed
        self.order = order
        self._draw()

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.reversed = not self.reversed
        self._draw()

    def action_filter(self) -> None:
        """Ask for a filter."""
        self._filter.add_class("open")
        self._filter.focus()

    def action_unfilter(self) -> None:
        """Show all again."""
        self._filter.value = ""
        self._close_filter()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        self.wanted = event.value
        self._draw()

    def on_input_submitted(self) -> None:
        """Keep the filter and go back to the rows."""
        self._close_filter()

    def on_data_table_row_selected(self) -> None:
        """Go to the queue under the cursor: Enter, or a click on it."""
        if key := self._under_cursor():
            self.push_screen(QueueScreen(self.film, key, self._world.head, self._interval))

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(Help())

    @work(group="admit", exclusive=True)
    async def action_admit(self, name: str) -> None:
        """Pause or resume the queue that is meant, if the user may and confirms it."""
        key, wanted = self._meant(), Admission[name]
        policy = self.film.latest.policies.get(key) if key else None
        if policy is None:
            return
        verb = "Pause" if wanted is Admission.HOLD else "Resume"
        consequence = (
            "New executions are accepted and wait; what runs finishes."
            if wanted is Admission.HOLD
            else "Executions that wait start, in their order."
        )
        try:
            if not await self._world.may_admit(policy.metadata.key):
                self.notify(f"You may not patch ActionQueuePolicy {policy.metadata.key}.", severity="error")
                return
            if await self.push_screen_wait(Confirm(f"{verb} {policy.spec.action_ref}?", consequence)):
                self.notify(await self._world.admit(policy, wanted))
        except CtlError as error:
            self.notify(str(error), severity="error")

    def _close_filter(self) -> None:
        self._filter.set_class(bool(self._filter.value), "open")
        self._table.focus()

    def _meant(self) -> ObjectKey | None:
        """The queue that is shown in full, else the one under the cursor, which may move while another is shown."""
        return self.screen.key if isinstance(self.screen, QueueScreen) else self._under_cursor()

    def _under_cursor(self) -> ObjectKey | None:
        place = self._table.cursor_row
        return self._keys[place] if 0 <= place < len(self._keys) else None

    def _draw(self) -> None:
        self._draw_heading()
        self._draw_rows()

    def _draw_heading(self) -> None:
        lines = [
            Text("   ").join(_labelled(name, text, COLOURS[line.severity]) for name, text in line.parts)
            for line in heading(self.film, monotonic(), self._place)
        ]
        self._heading.update(Text("\n").join(lines))

    def _draw_rows(self) -> None:
        if not self._table.is_attached:
            return
        chosen = rows(self.film, self.order, reverse=self.reversed, wanted=self.wanted)
        # On the first row the cursor stays with the place, elsewhere with the queue.
        under = self._under_cursor() if self._table.cursor_row else None
        self._keys = [row.queue.key for row in chosen]
        width = next(width for least, width in _WIDTHS if self.size.width >= least)
        with self.batch_update():
            self._table.show(
                [Cell(self._head(column), "", column.right) for column in self._columns],
                [self._cells(row, width) for row in chosen],
                self._keys.index(under) if under is not None and under in self._keys else None,
            )

    def _head(self, column: Column) -> str:
        if column.head != self.order.head:
            return column.head
        falling = self.reversed if self.order is Order.NAME else not self.reversed
        return f"{column.head}{'▼' if falling else '▲'}"

    def _cells(self, row: Row, width: int) -> list[Cell]:
        style = COLOURS[row.queue.severity]
        return [Cell(column.text(row, width), style, column.right) for column in self._columns]


def _labelled(name: str, text: str, style: str) -> Text:
    return Text.assemble((f"{name} " if name else "", "dim"), (text, style or "bold"))
