"""Which executors share the queues, and who owns which shard."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from attune_executor.domain.sharding import ShardState
from attune_executor.domain.stats import QueueStats
from attune_executor.ports.journal import SchemaError


class ShardCountError(SchemaError):
    """The database's executions are divided into another number of shards than the configuration says."""


class Member(NamedTuple):
    """An executor that is alive; the others reach its API at ``url``."""

    name: str
    url: str


class Roster(NamedTuple):
    """Who is alive and who owns what, at one moment by the database's clock."""

    members: Sequence[Member]
    shards: Sequence[ShardState]


class Membership(Protocol):
    """The executors' common table. Every method raises JournalError when the database is away."""

    async def fix_count(self, count: int) -> None:
        """Divide the executions into ``count`` shards, at the first use for good.

        Raises:
            ShardCountError: they are divided otherwise; the message says how and what to do.
        """
        ...

    async def peer_secret(self) -> str:
        """What executors of one database, and they alone, know: how they recognise each other; after ``fix_count``."""
        ...

    async def renew(self, member: Member) -> Roster:
        """Say that ``member`` is alive, for the next few seconds, and look around."""
        ...

    async def leave(self, name: str) -> None:
        """A member will not be alive any more."""
        ...

    async def statistics(self, shards: Sequence[int]) -> Sequence[QueueStats]:
        """The persisted statistics of all actions of these shards; their load is not known."""
        ...
