"""What executors that share the queues rely on, whatever the database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from copy import copy
from typing import Protocol

import pytest

from attune_executor.adapters.memory import JournalStore, MemoryJournal, MemoryMembership, MemoryQueueStatsRepository
from attune_executor.adapters.postgres import PostgresJournal, PostgresMembership
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.records import Accepted, TurnRecord
from attune_executor.domain.sharding import ShardState
from attune_executor.domain.stats import Load, QueueStats
from attune_executor.ports.journal import FencedError, Journal, OperatorChanges, QueueStatsRepository
from attune_executor.ports.membership import Member, Membership, ShardCountError
from contract.journal_rig import waiting

PATIENCE_SECONDS, IMPATIENCE_SECONDS = 600, 0.2
"""How long others may be silent, for one who looks: never too long, or soon."""
DEADLINE_SECONDS = 60
ONE, TWO = Member("one", "http://one:8080"), Member("two", "http://two:8080")


class Rig(Protocol):
    @property
    def membership(self) -> Membership: ...

    @property
    def impatient(self) -> Membership: ...

    async def journal(self, shard: int) -> Journal: ...

    def statistics(self, journal: Journal) -> QueueStatsRepository: ...

    async def disable(self, ref: str) -> None: ...


class MemoryRig:
    def __init__(self) -> None:
        self._store = JournalStore()
        self.membership = MemoryMembership(self._store, alive_seconds=PATIENCE_SECONDS)

    @property
    def impatient(self) -> Membership:
        view = copy(self.membership)
        view._alive_seconds = IMPATIENCE_SECONDS  # pyright: ignore[reportPrivateUsage] - there is one for all
        return view

    async def journal(self, shard: int) -> Journal:
        return MemoryJournal(self._store, shard)

    def statistics(self, journal: Journal) -> QueueStatsRepository:
        del journal
        return MemoryQueueStatsRepository(self._store)

    async def disable(self, ref: str) -> None:
        self._store.enable(ref, False)


class PostgresRig:
    def __init__(self, url: str, membership: PostgresMembership, impatient: PostgresMembership) -> None:
        self._url = url
        self.membership = membership
        self.impatient = impatient
        self.journals: list[PostgresJournal] = []

    async def journal(self, shard: int) -> Journal:
        self.journals.append(await PostgresJournal.open(self._url, shard=shard))
        return self.journals[-1]

    def statistics(self, journal: Journal) -> QueueStatsRepository:
        assert isinstance(journal, PostgresJournal)
        return journal.queue_stats()

    async def disable(self, ref: str) -> None:
        await self.journals[0]._readers.execute(  # pyright: ignore[reportPrivateUsage] - as an operator would
            "UPDATE attune.action SET enabled = false WHERE ref = $1", ref
        )


@pytest.fixture(params=["memory", "postgres"])
async def rig(request: pytest.FixtureRequest, migrated_url: str) -> AsyncIterator[Rig]:
    if request.param == "memory":
        yield MemoryRig()
        return
    patience = PATIENCE_SECONDS, IMPATIENCE_SECONDS
    views = [await PostgresMembership.open(migrated_url, alive_seconds=seconds) for seconds in patience]
    rig = PostgresRig(migrated_url, *views)
    yield rig
    for journal in rig.journals:
        await journal.close()
    for view in views:
        view.close()


async def eventually(reached: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await reached():
            await asyncio.sleep(IMPATIENCE_SECONDS / 4)


async def test_the_first_use_fixes_the_number_of_shards(rig: Rig) -> None:
    await asyncio.gather(*(rig.membership.fix_count(4) for _ in range(5)))
    with pytest.raises(ShardCountError, match=r"executor\.sharding\.count: 2"):
        await rig.membership.fix_count(2)
    await rig.membership.fix_count(4)


async def test_the_members_have_a_secret_in_common(rig: Rig) -> None:
    await rig.membership.fix_count(4)
    secret = await rig.membership.peer_secret()
    assert len(secret) >= 32
    assert await rig.membership.peer_secret() == secret


async def test_members_are_alive_while_they_renew(rig: Rig) -> None:
    await rig.membership.fix_count(1)
    await rig.membership.renew(TWO)
    assert (await rig.membership.renew(ONE)).members == [ONE, TWO]

    async def one_alone() -> bool:
        return (await rig.impatient.renew(ONE)).members == [ONE]

    await eventually(one_alone)
    assert (await rig.membership.renew(TWO)).members == [ONE, TWO]
    await rig.membership.leave("one")
    assert (await rig.membership.renew(TWO)).members == [TWO]


async def test_shards_are_shown_with_owner_and_epoch(rig: Rig) -> None:
    await rig.membership.fix_count(3)
    journal = await rig.journal(1)
    await journal.acquire("one")
    shards = (await rig.membership.renew(TWO)).shards
    assert shards == [ShardState(0, None, 0, False), ShardState(1, "one", 1, True), ShardState(2, None, 0, False)]

    async def silent() -> bool:
        return (await rig.impatient.renew(TWO)).shards[1] == ShardState(1, "one", 1, False)

    async def heard_after_a_commit() -> bool:
        await journal.commit(TurnRecord())
        return (await rig.impatient.renew(TWO)).shards[1] == ShardState(1, "one", 1, True)

    await eventually(silent)
    await eventually(heard_after_a_commit)
    await journal.release()
    assert (await rig.membership.renew(TWO)).shards[1] == ShardState(1, None, 1, True)


async def test_of_many_that_compare_one_takes_the_shard(rig: Rig) -> None:
    for epoch in range(3):
        journals = [await rig.journal(2) for _ in range(5)]
        outcomes = await asyncio.gather(
            *(journal.acquire(str(number), epoch) for number, journal in enumerate(journals)), return_exceptions=True
        )
        assert sorted(isinstance(outcome, FencedError) for outcome in outcomes) == [False, True, True, True, True]


async def test_who_was_robbed_cannot_give_back(rig: Rig) -> None:
    first, second = await rig.journal(0), await rig.journal(0)
    await first.acquire("one")
    await second.acquire("two", 1)
    with pytest.raises(FencedError):
        await first.release()
    await second.commit(TurnRecord())


async def test_a_shard_holds_its_own_actions_alone(rig: Rig) -> None:
    journals = [await rig.journal(shard) for shard in (0, 1)]
    for shard, journal in enumerate(journals):
        await journal.acquire("one")
        for number in (1, 2):
            action = (await journal.save_policies({f"shard{shard}.action{number}": QueuePolicy(concurrency=1)}))[
                f"shard{shard}.action{number}"
            ]
            accepted = [
                Accepted(100 * action + order, action, "", order, b"{}", None, 1.0, None) for order in range(1, 4)
            ]
            await journal.commit(TurnRecord(accepted=accepted))
    for shard, journal in enumerate(journals):
        actions = await journal.actions()
        assert [action.ref for action in actions] == [f"shard{shard}.action1", f"shard{shard}.action2"]
        assert [(run.action_id, run.queue_orders) for run in await waiting(journal)] == [
            (action.action_id, (1, 2, 3)) for action in actions
        ]


async def test_operators_changes_reach_the_owner_of_their_shard(rig: Rig) -> None:
    journals = [await rig.journal(shard) for shard in (0, 1)]
    for shard, journal in enumerate(journals):
        await journal.acquire("one")
        await journal.save_policies({f"shard{shard}.action": QueuePolicy(concurrency=1)})
    await rig.disable("shard1.action")
    changes = await journals[0].operator_changes()
    assert not changes.ended
    assert not changes.enabled
    (action,) = await journals[1].actions()
    assert await journals[1].operator_changes() == OperatorChanges([], {action.action_id: False})


async def test_statistics_of_other_shards_can_be_read(rig: Rig) -> None:
    for shard in (0, 1):
        journal = await rig.journal(shard)
        await journal.acquire("one")
        action = (await journal.save_policies({f"shard{shard}.action": QueuePolicy(concurrency=1)}))[
            f"shard{shard}.action"
        ]
        stats = QueueStats(action, f"shard{shard}.action", 3, 2, 2, 9.5, 7, 2, 1, 10.5, Load(0.0, None))
        await rig.statistics(journal).save([stats])
    assert list(await rig.membership.statistics([1])) == [stats]
