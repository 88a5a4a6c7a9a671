"""Which acknowledgements to send: one for a whole run of messages where nothing before its end is still open."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple


class Acknowledgement(NamedTuple):
    """Of one message, or, where ``multiple``, of it and all before it."""

    tag: int
    multiple: bool


class OpenTags:
    """The delivery tags of one session that are neither acknowledged nor returned, in the order of delivery."""

    def __init__(self) -> None:
        self._order: deque[int] = deque()
        self._closed: set[int] = set()
        """Closed one by one, while an earlier one was open."""

    def open(self, tag: int) -> None:
        """A message was delivered."""
        self._order.append(tag)

    def close(self, tag: int) -> None:
        """It was returned, or acknowledged by other means."""
        self._closed.add(tag)
        self._advance(set())

    def acknowledge(self, tags: Iterable[int]) -> list[Acknowledgement]:
        """How to acknowledge ``tags``."""
        wanted = set(tags)
        last = self._advance(wanted)
        self._closed |= wanted
        single = [Acknowledgement(tag, multiple=False) for tag in sorted(wanted)]
        return single if last is None else [Acknowledgement(last, multiple=True), *single]

    def _advance(self, wanted: set[int]) -> int | None:
        """Drop what is closed or ``wanted`` from the front, and from ``wanted``; returns the last that was wanted."""
        last: int | None = None
        while self._order:
            tag = self._order[0]
            if tag in self._closed:
                self._closed.discard(tag)
            elif tag in wanted:
                last = tag
                wanted.discard(tag)
            else:
                break
            self._order.popleft()
        return last
