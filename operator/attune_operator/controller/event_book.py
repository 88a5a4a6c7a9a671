"""Which Events are written: an equal one again is counted rather than repeated, and no object may flood the cluster.

The numbers are those of the field's own client (client-go's event correlator), a little tighter.
"""

from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from attune_operator.status import Transition

SERIES_SECONDS: Final = 360.0
"""An equal Event within this time joins the series of the one before."""
BURST: Final = 10
"""So many Events of one object may come at once."""
REFILL_SECONDS: Final = 60.0
"""One more of them may come after each such time."""
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """One Event to be written: under ``name``, for the ``count``-th time; above 1 it exists already."""

    name: str
    count: int


@dataclass(slots=True)
class _Series:
    entry: Entry
    at: float


class EventBook:
    """What was written lately. ``now`` is in seconds on a monotonic clock."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, Transition], _Series] = {}
        self._booked_until: dict[str, float] = {}

    def enter(self, uid: str, name: str, transition: Transition, now: float) -> Entry | None:
        """What to write of a transition of the object of that uid and name; None where it has had too many."""
        booked = max(self._booked_until.get(uid, 0.0), now) + REFILL_SECONDS
        if booked - now > BURST * REFILL_SECONDS:
            return None
        self._booked_until[uid] = booked
        known = self._series.get((uid, transition))
        if known is not None and now - known.at < SERIES_SECONDS:
            entry = Entry(known.entry.name, known.entry.count + 1)
        else:
            entry = Entry(f"{name[:_LONGEST_NAME]}.{uuid4().hex[:16]}", 1)
        self._series[uid, transition] = _Series(entry, now)
        return entry

    def strike(self, uid: str, transition: Transition) -> None:
        """An Event could not be written, or is gone: the next one of its kind is a new one."""
        self._series.pop((uid, transition), None)

    def forget(self, now: float) -> None:
        """Forget the series that have ended and the objects that have all their burst again."""
        self._series = {key: series for key, series in self._series.items() if now - series.at < SERIES_SECONDS}
        self._booked_until = {uid: until for uid, until in self._booked_until.items() if until > now}

    def __len__(self) -> int:
        """How much is remembered."""
        return len(self._series) + len(self._booked_until)
