"""The queues of the shards that other executors own: as these tell, and where one does not, as the database does.

Only its owner has measured how long a queue's executions run, without which nobody can say when one starts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from attune_executor.domain.pool_size import PoolSize, as_known_best
from attune_executor.domain.stats import QueueStats
from attune_executor.ports.journal import JournalError
from attune_executor.ports.membership import Member
from attune_executor.ports.peers import PeerError, Peers, QueuesThere

_log = structlog.get_logger("attune.shards")


@dataclass(frozen=True, slots=True)
class RemoteQueues:
    """What was last heard: the queues by action, and the pools of workers by name as the other executors see them."""

    stats: Mapping[str, QueueStats] = field(default_factory=dict[str, QueueStats])
    pools: Mapping[str, PoolSize] = field(default_factory=dict[str, PoolSize])


class RemoteView:
    """Keeps what was last heard, and asks again when told to.

    Args:
        peers: the other executors.
        stored: what the database has of all actions of some shards, for those that no owner tells of.
    """

    def __init__(self, peers: Peers, stored: Callable[[Sequence[int]], Awaitable[Sequence[QueueStats]]]) -> None:
        self._peers = peers
        self._stored = stored
        self._asking: asyncio.Task[None] | None = None
        self.queues = RemoteQueues()
        """Replaced, never changed, so any thread may read it."""

    def ask(self, shards: Sequence[int], owners: Mapping[Member, Sequence[int]]) -> None:
        """Ask for the queues of ``shards`` unless that is under way: nobody waits for one who is slow to answer."""
        if self._asking is not None:
            if not self._asking.done():
                return
            self._asking.result()
        self._asking = asyncio.create_task(self._hear(shards, owners), name="queues elsewhere")

    async def heard(self) -> None:
        """Wait for what was asked last."""
        if self._asking is not None:
            await asyncio.wait({self._asking})

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _hear(self, shards: Sequence[int], owners: Mapping[Member, Sequence[int]]) -> None:
        try:
            self.queues = await ask_owners(self._peers, self._stored, shards, owners)
        except JournalError as error:
            _log.warning("the queues of others stay as they were last seen", reason=str(error))


async def ask_owners(
    peers: Peers,
    stored: Callable[[Sequence[int]], Awaitable[Sequence[QueueStats]]],
    shards: Sequence[int],
    owners: Mapping[Member, Sequence[int]],
) -> RemoteQueues:
    """The queues of ``shards``, each asked of its owner.

    Args:
        peers: the other executors.
        stored: what the database has of all actions of these shards, for those that no owner tells of.
        shards: those that are elsewhere.
        owners: the other executors, each with the shards that it owns.

    Raises:
        JournalError: an owner does not answer, and the database is away.
    """
    told = await asyncio.gather(*(_told(peers, owner.url, owned) for owner, owned in owners.items() if owned))
    by_shard = {number: queues for there in told for number, queues in there.by_shard.items() if number in shards}
    untold = [number for number in shards if number not in by_shard]
    known = await stored(untold) if untold else ()
    return RemoteQueues(
        {each.action_ref: each for queues in (known, *by_shard.values()) for each in queues},
        as_known_best(there.pools for there in told),
    )


async def _told(peers: Peers, url: str, shards: Sequence[int]) -> QueuesThere:
    try:
        return await peers.queues(url, shards)
    except PeerError:
        # Not a word of it every second: the health names who is silent, and a caller who needs the owner is told.
        return QueuesThere({}, {})
