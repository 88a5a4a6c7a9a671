"""The executors' common table, on the store that their journals share."""

from collections.abc import Sequence
from dataclasses import replace
from secrets import token_hex
from time import monotonic

from attune_executor.adapters.memory.store import JournalStore
from attune_executor.domain.sharding import ShardState
from attune_executor.domain.stats import Load, QueueStats
from attune_executor.ports.membership import Member, Roster, ShardCountError


class MemoryMembership:
    """Implements `attune_executor.ports.membership.Membership`; one for all executors of a store."""

    def __init__(self, store: JournalStore, *, alive_seconds: float = 5.0) -> None:
        self._store = store
        self._alive_seconds = alive_seconds
        self._count: int | None = None
        self._secret = token_hex()
        self._members: dict[str, tuple[Member, float]] = {}

    async def fix_count(self, count: int) -> None:
        """Compare with the store's number, or make it that."""
        self._store.check_up()
        if self._count is None:
            self._count = count
        if self._count != count:
            raise ShardCountError(f"executor.sharding.count: {count}, but there are {self._count} shards")

    async def peer_secret(self) -> str:
        """The store's."""
        self._store.check_up()
        return self._secret

    async def renew(self, member: Member) -> Roster:
        """Keep when the member was seen."""
        self._store.check_up()
        self._members[member.name] = member, monotonic()
        since = monotonic() - self._alive_seconds
        rows = [(shard, self._store.shards[shard]) for shard in range(self._count or 0)]
        return Roster(
            [known for _, (known, renewed_at) in sorted(self._members.items()) if renewed_at > since],
            [ShardState(shard, row.owner or None, row.epoch, row.renewed_at > since) for shard, row in rows],
        )

    async def leave(self, name: str) -> None:
        """Forget the member."""
        self._store.check_up()
        self._members.pop(name, None)

    async def statistics(self, shards: Sequence[int]) -> Sequence[QueueStats]:
        """What the store has."""
        self._store.check_up()
        ids = {action.action_id: ref for ref, action in self._store.actions.items() if action.shard in shards}
        return [
            replace(stats, action_ref=ids[stats.action_id], load=Load(0.0, None), admission=None)
            for stats in self._store.stats.values()
            if stats.action_id in ids
        ]
