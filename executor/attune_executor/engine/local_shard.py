"""A shard that this executor owns, or is about to: its engine, and what has to be closed after it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from attune_executor.engine.engine import Engine
from attune_executor.ports.journal import Journal


@dataclass(frozen=True, slots=True)
class LocalShard:
    """One shard's parts.

    Attributes:
        number: of the shard.
        engine: to be run by whoever opened it.
        journal: the engine's.
        close: closes every connection, after the engine.
    """

    number: int
    engine: Engine
    journal: Journal
    close: Callable[[], Awaitable[None]]


OpenShard = Callable[[int, int | None], Awaitable[LocalShard]]
"""Makes the parts of a shard, to be taken from the given epoch only, or from any."""
