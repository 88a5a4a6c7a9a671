"""The rows of `attune top`: chosen by a filter, sorted by a column, their cells as text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from attune_operator.ctl.bars import sparkline
from attune_operator.ctl.queues import Queue, Severity, duration, shown
from attune_operator.ctl.top.film import Film, Rates

_NOTHING: Final = "-"
_TEN: Final = 10
MARKS: Final = {Severity.FINE: " ", Severity.WARNING: "!", Severity.CRITICAL: "‼"}
"""What a severity looks like where there are no colours."""


class Order(Enum):
    """What the rows are sorted by; the key that chooses it, and what its column is called."""

    DEPTH = ("d", "QUEUED")
    WAIT = ("w", "OLDEST")
    RUNNING = ("r", "RUNNING")
    NAME = ("n", "ACTION")
    THROUGHPUT = ("t", "OUT/S")

    def __init__(self, key: str, head: str) -> None:
        self.key = key
        self.head = head


class Row(NamedTuple):
    """One queue, with what several looks tell of it."""

    queue: Queue
    rates: Rates
    course: Sequence[int]


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        text: its cell in a row; the width is how many characters the course of the depth may take.
        right: whether numbers stand under each other.
    """

    head: str
    text: Callable[[Row, int], str]
    right: bool = True


def columns(*, namespaces: bool) -> list[Column]:
    """The columns; with the namespace where policies of several are shown."""
    named = [Column("NAMESPACE", lambda row, _: row.queue.namespace, right=False)] if namespaces else []
    return [
        Column("", lambda row, _: MARKS[row.queue.severity], right=False),
        *named,
        Column("ACTION", lambda row, _: row.queue.action, right=False),
        Column("QUEUED", lambda row, _: shown(row.queue.queue_length)),
        Column("DEPTH", lambda row, width: sparkline(row.course, width), right=False),
        Column("RUNNING", lambda row, _: _running(row)),
        Column("OLDEST", lambda row, _: duration(row.queue.oldest_age_seconds)),
        Column("WAIT", lambda row, _: duration(row.queue.estimated_wait_seconds)),
        Column("IN/S", lambda row, _: rate(row.rates.accepted)),
        Column("OUT/S", lambda row, _: rate(row.rates.ended)),
        Column("WORKERS", lambda row, _: _workers(row)),
        Column("ADMISSION", lambda row, _: row.queue.admission, right=False),
        Column("NOTE", lambda row, _: ", ".join(row.queue.notes), right=False),
    ]


def rows(film: Film, order: Order, *, reverse: bool, wanted: str) -> list[Row]:
    """The rows to show.

    Args:
        film: what was seen.
        order: numbers begin with the highest, names with the first.
        reverse: the other way round.
        wanted: text that must be in the action's, the policy's or the namespace's name, or in a note.
    """
    found = [
        Row(queue, film.rates(queue.key), film.course(queue.key))
        for queue in film.latest.queues
        if _matches(queue, wanted.strip().lower())
    ]
    found.sort(key=lambda row: (row.queue.action, row.queue.key))
    if order is Order.NAME:
        return found[::-1] if reverse else found
    # Sorting is stable: among equals the names go on from A to Z.
    found.sort(key=lambda row: _figure(row, order), reverse=not reverse)
    return found


def rate(value: float | None) -> str:
    """Executions per second, with a decimal where that tells something."""
    if value is None:
        return _NOTHING
    return f"{value:.1f}" if 0 < value < _TEN else f"{value:.0f}"


def _running(row: Row) -> str:
    return f"{shown(row.queue.active_count)}/{shown(row.queue.max_concurrent)}"


def _workers(row: Row) -> str:
    if row.queue.workers_ready is None and row.queue.workers_desired is None:
        return _NOTHING
    return f"{shown(row.queue.workers_ready)}/{shown(row.queue.workers_desired)}"


def _figure(row: Row, order: Order) -> float:
    """What a row is sorted by; what is not known is less than nothing."""
    figures: dict[Order, float | None] = {
        Order.DEPTH: row.queue.queue_length,
        Order.WAIT: row.queue.oldest_age_seconds,
        Order.RUNNING: row.queue.active_count,
        Order.THROUGHPUT: row.rates.ended,
    }
    value = figures[order]
    return -1.0 if value is None else float(value)


def _matches(queue: Queue, wanted: str) -> bool:
    names = (queue.action, queue.policy, queue.namespace, *queue.notes)
    return not wanted or any(wanted in name.lower() for name in names)
