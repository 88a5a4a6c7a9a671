"""Which shard an action belongs to, and which executor owns which shard. Pure.

Every executor decides for itself from the same two tables, who is alive and who owns what, and arrives at the same
division. Where their views differ for a moment, two may want the same shard: the journal lets one of them have it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, NamedTuple

MOST_SHARDS: Final = 256


class ShardState(NamedTuple):
    """A shard as the database shows it.

    Attributes:
        shard: its number, from 0.
        owner: who took it last; None where it was given back or never taken.
        epoch: of the last acquisition; 0 before the first.
        fresh: whether its owner has written within the last seconds.
    """

    shard: int
    owner: str | None
    epoch: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Division:
    """What one executor is to do now: shards to take, in this order, and one to give back."""

    take: Sequence[int] = ()
    give_back: int | None = None


def shard_of(action_ref: str, count: int) -> int:
    """The shard of an action among ``count``; the same in every process and release, since the database keeps it."""
    if count == 1:
        return 0
    return int.from_bytes(blake2b(action_ref.encode(), digest_size=8).digest(), "big") % count


def divide(me: str, holding: Collection[int], members: Collection[str], shards: Sequence[ShardState]) -> Division:
    """What ``me`` is to do for the shards to be spread evenly over the members, with as few moves as can be.

    A shard is free when nobody owns it, or when its owner neither is a member nor writes. Members with too few take the
    free ones; where none is free, who has too many gives one back at a time. The larger shares go to those who have
    more already, so nobody gives away what another would have to give back.

    Args:
        me: name of the executor that decides.
        holding: shards that it runs at present.
        members: names of those that are alive, ``me`` among them.
        shards: every shard.
    """
    owned: dict[str, list[int]] = {name: [] for name in (me, *members)}
    free: list[int] = []
    for state in sorted(shards):
        if state.shard in holding or state.owner == me:
            owned[me].append(state.shard)
        elif state.owner in owned:
            owned[state.owner].append(state.shard)
        elif state.owner is None or not state.fresh:
            free.append(state.shard)
    shares = _shares(owned, len(shards))
    # What is ours by the database and does not run here: its engine has ended, and nobody else would take it.
    take = [shard for shard in owned[me] if shard not in holding]
    for name in sorted(owned):
        wanted = max(0, shares[name] - len(owned[name]))
        if name == me:
            take += free[:wanted]
        free = free[wanted:]
    surplus = len(owned[me]) - shares[me]
    return Division(take, max(holding) if holding and surplus > 0 else None)


def _shares(owned: Mapping[str, Sequence[int]], count: int) -> dict[str, int]:
    """How many shards each member is to have: all the same, or one more for those who own most."""
    least, larger = divmod(count, len(owned))
    by_size = sorted(owned, key=lambda name: (-len(owned[name]), name))
    return {name: least + (place < larger) for place, name in enumerate(by_size)}
