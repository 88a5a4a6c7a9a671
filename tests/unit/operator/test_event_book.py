"""Equal Events become a series, and an object that flaps cannot flood the cluster."""

from attune_operator.controller.event_book import BURST, REFILL_SECONDS, SERIES_SECONDS, EventBook
from attune_operator.status import Severity, Transition

FULL = Transition(Severity.WARNING, "QueueFull", "Saturated is True: as many wait as may")
ROOM = Transition(Severity.NORMAL, "WithinLimits", "Saturated is False: there is room")


def count(book: EventBook, transition: Transition, now: float, uid: str = "u") -> int:
    entry = book.enter(uid, "echo", transition, now)
    return 0 if entry is None else entry.count


def test_an_equal_event_within_minutes_is_counted_under_the_same_name() -> None:
    book = EventBook()
    first, second = (book.enter("u", "echo", FULL, now) for now in (1000.0, 1010.0))

    assert first is not None
    assert second is not None
    assert (first.count, second.count) == (1, 2)
    assert first.name == second.name
    assert first.name.startswith("echo.")
    assert count(book, ROOM, 1011.0) == 1
    assert count(book, FULL, 1010.0 + SERIES_SECONDS) == 1


def test_an_object_gets_a_burst_and_then_one_after_the_other() -> None:
    book = EventBook()

    told = [count(book, FULL if turn % 2 else ROOM, 1000.0) for turn in range(3 * BURST)]
    assert sum(number > 0 for number in told) == BURST
    assert count(book, FULL, 1000.0, uid="another") == 1
    assert count(book, FULL, 1000.0 + REFILL_SECONDS) > 0
    assert count(book, FULL, 1000.0 + REFILL_SECONDS) == 0


def test_what_could_not_be_written_is_new_the_next_time() -> None:
    book = EventBook()
    count(book, FULL, 1000.0)

    book.strike("u", FULL)

    assert count(book, FULL, 1001.0) == 1


def test_what_matters_no_more_is_forgotten_and_the_rest_is_not() -> None:
    book = EventBook()
    count(book, FULL, 1000.0, uid="old")
    count(book, FULL, 1000.0 + SERIES_SECONDS - 1, uid="new")

    book.forget(1000.0 + SERIES_SECONDS)

    assert len(book) == 2
    assert count(book, FULL, 1000.0 + SERIES_SECONDS, uid="new") == 2
    book.forget(1000.0 + 3 * SERIES_SECONDS)
    assert len(book) == 0


def test_long_names_make_valid_names_of_events() -> None:
    entry = EventBook().enter("u", "n" * 253, FULL, 0.0)

    assert entry is not None
    assert len(entry.name) <= 253
