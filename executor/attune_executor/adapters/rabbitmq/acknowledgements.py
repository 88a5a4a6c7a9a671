"""How far the stream of deliveries may be acknowledged.

The engine acknowledges everything up to a mark, and malformed messages lie between the others: one that is not yet
safe among the dead letters must hold back whatever would acknowledge it along.
"""


class Acknowledgements:
    """The deliveries of one session, by their tags, which count up from 1."""

    def __init__(self) -> None:
        self._asked = 0
        self._acknowledged = 0
        self._malformed: dict[int, bool] = {}
        """Tags of malformed messages, ascending, and whether each is safe among the dead letters."""

    def ask(self, tag: int) -> None:
        """Every report up to ``tag`` has been used."""
        self._asked = max(self._asked, tag)

    def malformed(self, tag: int) -> None:
        """The delivery ``tag``, the latest one, carries no report."""
        self._malformed[tag] = False

    def dead_lettered(self, tag: int) -> None:
        """The malformed message ``tag`` is safe."""
        self._malformed[tag] = True

    def release(self) -> int | None:
        """The tag up to which to acknowledge now, or None where nothing has become free."""
        limit = max(self._asked, self._acknowledged)
        for tag, safe in self._malformed.items():
            if tag > limit + 1:
                break
            limit = max(limit, tag) if safe else tag - 1
            if not safe:
                break
        if limit <= self._acknowledged:
            return None
        self._acknowledged = limit
        self._malformed = {tag: safe for tag, safe in self._malformed.items() if tag > limit}
        return limit
