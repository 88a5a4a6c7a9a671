"""Who takes which shard: few moves, no quarrel, an even spread, and an end."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from attune_executor.domain.sharding import MOST_SHARDS, ShardState, divide, shard_of


def test_the_shard_of_an_action_never_changes() -> None:
    # The database keeps where an action is: these numbers hold for every release.
    assert [shard_of(ref, 4) for ref in ("core.echo", "core.sleep", "web.fetch", "a", "")] == [1, 2, 1, 3, 0]


@given(st.text(max_size=40), st.integers(1, MOST_SHARDS))
def test_a_shard_is_one_of_those_that_there_are(ref: str, count: int) -> None:
    assert 0 <= shard_of(ref, count) < count


def test_actions_are_spread_evenly() -> None:
    sizes = Counter(shard_of(f"pack.action-{number}", 8) for number in range(8000))
    assert len(sizes) == 8
    assert max(sizes.values()) < 1.15 * min(sizes.values())


def test_an_owner_that_writes_is_left_alone_though_it_is_no_member() -> None:
    shards = [ShardState(0, "stranger", 7, fresh=True), ShardState(1, "stranger", 7, fresh=False)]
    assert divide("me", (), ["me"], shards).take == [1]


def test_what_is_ours_by_the_database_and_does_not_run_here_is_taken_again() -> None:
    shards = [ShardState(0, "me", 7, fresh=True), ShardState(1, "me", 7, fresh=True)]
    division = divide("me", {0}, ["me"], shards)
    assert (division.take, division.give_back) == ([1], None)


class Table:
    """The shards in the database, and executors that decide in turn on what they see of it."""

    def __init__(self, owners: list[str | None]) -> None:
        self.owners = owners
        self.epochs = [0] * len(owners)

    def shards(self) -> list[ShardState]:
        # An owner that is no member is dead: it does not write.
        return [ShardState(n, owner, self.epochs[n], fresh=False) for n, owner in enumerate(self.owners)]

    def held(self, name: str) -> set[int]:
        return {number for number, owner in enumerate(self.owners) if owner == name}

    def act(self, me: str, members: list[str], seen: list[ShardState]) -> int:
        """Do what ``me`` decides on what it saw; returns how many shards moved."""
        division = divide(me, self.held(me), members, seen)
        moved = 0
        for shard in division.take:
            if self.epochs[shard] == seen[shard].epoch:
                self.owners[shard] = me
                self.epochs[shard] += 1
                moved += 1
        if division.give_back is not None:
            assert self.owners[division.give_back] == me
            self.owners[division.give_back] = None
            moved += 1
        return moved


names = st.sampled_from(["a", "b", "c", "d", "e", "dead"])
tables = st.lists(names | st.none(), min_size=1, max_size=24)
groups = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), min_size=1, max_size=5, unique=True)


@given(tables, groups, st.data())
def test_members_that_see_old_views_end_with_an_even_spread_and_then_rest(
    owners: list[str | None], members: list[str], data: st.DataObject
) -> None:
    table = Table(owners)
    views = [table.shards()]
    for _ in range(4 * len(owners) + 8):
        for me in data.draw(st.permutations(members)):
            table.act(me, members, data.draw(st.sampled_from(views[-2:])))
        views.append(table.shards())
        if data.draw(st.booleans()):
            views.append(table.shards())
    for _ in range(2 * len(owners) + 2):
        for me in members:
            table.act(me, members, table.shards())
    sizes = [len(table.held(name)) for name in members]
    assert sum(sizes) == len(owners)
    assert max(sizes) - min(sizes) <= 1
    assert sum(table.act(me, members, table.shards()) for me in members) == 0


@given(tables, groups)
def test_no_more_shards_move_than_must(owners: list[str | None], members: list[str]) -> None:
    table = Table(list(owners))
    least, larger = divmod(len(owners), len(members))
    before = sorted((len(table.held(name)) for name in members), reverse=True)
    surplus = sum(max(0, size - least - (place < larger)) for place, size in enumerate(before))
    free = len(owners) - sum(before)
    moves = 0
    while step := sum(table.act(me, members, table.shards()) for me in members):
        moves += step
    # What was free is taken; what is too much is given back and taken.
    assert moves == free + 2 * surplus


@given(tables, groups)
def test_members_with_the_same_view_never_want_the_same_shard(owners: list[str | None], members: list[str]) -> None:
    table = Table(owners)
    taken = [shard for me in members for shard in divide(me, table.held(me), members, table.shards()).take]
    assert len(taken) == len(set(taken))
