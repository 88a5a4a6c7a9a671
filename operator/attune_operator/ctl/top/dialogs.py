"""What lies above the rows for a moment: the keys, and a question."""

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

_STYLE: Final = """
    align: center middle;
    & > Vertical { width: auto; max-width: 90%; height: auto; border: round $primary; padding: 1 2; }
    & Static { width: auto; }
"""
_KEYS: Final = """\
[b]d w r n t[/b]   sort by depth, wait of the oldest, running, name, throughput; again: the other way
[b]R[/b]           the other way round
[b]/[/b]           filter by a part of a name or a note; Esc: no filter
[b]Enter[/b]       one queue: conditions, scaling decision, executions; Esc: back
[b]p  u[/b]        pause (Hold), resume (Open)
[b]q[/b]           quit

Marks and colours are the runbook's thresholds:
[yellow]![/yellow]  over 100 wait, or the oldest over 10 minutes; not in force
[bold red]‼[/bold red]  over 500 wait, or the oldest over 30 minutes; stuck; figures may be old

QUEUED waiting, DEPTH its course, RUNNING of the limit, OLDEST how long the head has waited,
WAIT expected for a new one, IN/S accepted and OUT/S ended a second over the last 30 seconds,
WORKERS ready of desired."""


class Help(ModalScreen[None]):
    """The keys, until any of them."""

    CSS = f"Help {{ {_STYLE} }}"

    def compose(self) -> ComposeResult:
        """The keys."""
        with Vertical():
            yield Static(_KEYS)

    def on_key(self) -> None:
        """Any key closes it."""
        self.dismiss()


class Confirm(ModalScreen[bool]):
    """A question that y answers with yes and n or Esc with no."""

    CSS = f"Confirm {{ {_STYLE} }}"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape,q", "answer(False)", "no"),
    ]

    def __init__(self, question: str, consequence: str) -> None:
        super().__init__()
        self._text = f"{question}\n\n{consequence}\n\ny yes   n no"

    def compose(self) -> ComposeResult:
        """The question."""
        with Vertical():
            yield Static(self._text, markup=False)

    def action_answer(self, answer: bool) -> None:
        """Close with the answer."""
        self.dismiss(answer)
