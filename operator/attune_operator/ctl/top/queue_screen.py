"""One queue on the whole screen: figures, conditions, the scaling decision, the executions at its head."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import ClassVar, Final

from rich.table import Table
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

from attune_operator.ctl.bars import sparkline
from attune_operator.ctl.errors import CtlError
from attune_operator.ctl.top import detail
from attune_operator.ctl.top.film import Film
from attune_operator.ctl.top.world import Ask, Head
from attune_operator.resources import ObjectKey

_BAD: Final = {"Ready": "False", "WorkersAvailable": "False", "Stuck": "True", "ScalingLimited": "True"}
_NOT_SCALED: Final = "NotScaled"
_COURSE: Final = 60


class QueueScreen(Screen[None]):
    """One queue, live, from the pictures that the table is made of.

    Attributes:
        key: its policy.

    Args:
        executions: a way to the executions of an action.
        interval: seconds between looks at them.
    """

    CSS = """
    QueueScreen VerticalScroll { padding: 0 1; }
    QueueScreen Static { height: auto; margin: 0 0 1 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,left,backspace", "app.pop_screen", "back", key_display="esc"),
        Binding("q", "app.quit", "quit"),
    ]

    def __init__(
        self, film: Film, key: ObjectKey, executions: Callable[[str], AbstractAsyncContextManager[Ask]], interval: float
    ) -> None:
        super().__init__()
        self._film = film
        self.key = key
        self._executions = executions
        self._interval = interval

    def compose(self) -> ComposeResult:
        """What there is to say, from top to bottom."""
        with VerticalScroll():
            yield Static(id="figures")
            yield Static(id="conditions")
            yield Static(id="scaling")
            yield Static(Text("asking the executor…", "dim"), id="executions")
        yield Footer()

    def on_mount(self) -> None:
        """Show what is known, and begin to look."""
        self._draw()
        self.set_interval(1.0, self._draw)
        self._follow()

    def _draw(self) -> None:
        look = self._film.latest
        policy = look.policies.get(self.key)
        queue = next((queue for queue in look.queues if queue.key == self.key), None)
        if policy is None or queue is None:
            self.query_one("#figures", Static).update(Text(f"Policy {self.key} is gone.", "bold red"))
            return
        named = detail.figures(queue, self._film.rates(self.key))
        course = sparkline(self._film.course(self.key), _COURSE).lstrip()
        title = Text.assemble((queue.action, "bold"), "  ", (course, "cyan"))
        figures = Table.grid(padding=(0, 2))
        for name, text in named:
            figures.add_row(Text(name, "dim"), Text(text))
        self.query_one("#figures", Static).update(_stack(title, figures))
        now = datetime.now(UTC)
        table = _table("CONDITION", "STATUS", "SINCE", "REASON", "MESSAGE")
        for kind, status, *rest in detail.conditions(policy, now):
            bad = _BAD.get(kind) == status or (status == "Unknown" and rest[1] != _NOT_SCALED)
            table.add_row(*(Text(cell, "yellow" if bad else "") for cell in (kind, status, *rest)))
        self.query_one("#conditions", Static).update(table)
        self.query_one("#scaling", Static).update(_stack(Text("SCALING", "bold"), Text(detail.scaling(policy))))

    @work
    async def _follow(self) -> None:
        policy = self._film.latest.policies.get(self.key)
        if policy is None:
            return
        shown = self.query_one("#executions", Static)
        while True:
            try:
                async with self._executions(policy.spec.action_ref) as ask:
                    while True:
                        shown.update(_head(await ask(), datetime.now(UTC)))
                        await asyncio.sleep(self._interval)
            except CtlError as error:
                shown.update(Text(f"Executions cannot be shown: {error}", "yellow"))
                await asyncio.sleep(self._interval)


def _head(head: Head, now: datetime) -> Table:
    parts: list[Text | Table] = []
    for title, found in (("ACTIVE, THE OLDEST FIRST", head.active), ("WAITING, THE OLDEST FIRST", head.waiting)):
        table = _table("ID", "STATUS", "ACCEPTED", "STARTED", "ATTEMPT", "WORKER")
        for cells in detail.executions(found, now):
            table.add_row(*map(Text, cells))
        parts += [Text(title, "bold"), table if found else Text("none", "dim"), Text()]
    return _stack(*parts)


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads:
        table.add_column(head, no_wrap=head != "MESSAGE")
    return table


def _stack(*parts: Text | Table) -> Table:
    stack = Table.grid()
    for part in parts:
        stack.add_row(part)
    return stack
