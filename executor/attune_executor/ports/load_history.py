"""What the journal knows of the load before this executor began to measure it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from attune_executor.domain.load import Minute


class ActionHistory(NamedTuple):
    """One action's past.

    Attributes:
        minutes: what arrived and what ended, as far back as was asked for or as the cost allows.
        last_mean_seconds: mean run time of the latest executions, however long ago; None where none of them ran.
    """

    minutes: Sequence[Minute]
    last_mean_seconds: float | None


class KnownLoad(NamedTuple):
    """The past by action id; complete from ``since`` (Unix seconds) on."""

    since: float
    actions: Mapping[int, ActionHistory]


class LoadHistory(Protocol):
    """Reads it, apart from the turns: nothing here can hold one up."""

    async def since(self, start: float) -> KnownLoad:
        """The past of every action of the shard from ``start`` (Unix seconds) on.

        Its cost is bounded however many executions there are: of a past that is too busy the latest part is told.

        Raises:
            JournalError: the database is away.
        """
        ...
