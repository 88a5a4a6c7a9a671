"""The turn loop on the ports in memory: durability, order and limits through crashes and outages."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from attune_executor.adapters.memory import (
    JournalStore,
    ManualClock,
    MemoryBroker,
    MemoryJournal,
    MemoryQueueStatsRepository,
)
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.purge import PurgeOrder, PurgeReport
from attune_executor.domain.records import Finished, Started, TurnRecord
from attune_executor.domain.submission import ExecutionRequest, Receipt, Refusal
from attune_executor.engine.engine import Engine
from attune_executor.engine.statistics import Statistics
from attune_executor.engine.turn import PURGED_IN_A_TURN
from attune_executor.engine.turn_loop import TurnSettings
from attune_executor.engine.views import UnavailableError
from attune_executor.ports.broker import Dispatch
from attune_executor.ports.journal import Committed, FencedError, JournalError

REF = "core.echo"


class World:
    """What outlives an engine, and the engines that come and go."""

    def __init__(self) -> None:
        self.store = JournalStore()
        self.broker = MemoryBroker()
        self.clock = ManualClock()
        self.broker.add_worker()

    def engine(self, owner: str = "one", roll_call_seconds: float = 0.02) -> Engine:
        statistics = Statistics(self.clock, MemoryQueueStatsRepository(self.store), coalesce_seconds=0.01)
        settings = TurnSettings(idle_turn_seconds=0.02, roll_call_seconds=roll_call_seconds)
        return Engine(owner, MemoryJournal(self.store), self.broker, statistics, self.clock, settings)

    @asynccontextmanager
    async def running(self, engine: Engine | None = None) -> AsyncGenerator[Engine]:
        engine = engine or self.engine()
        task = asyncio.create_task(engine.run())
        try:
            await until(lambda: engine.health().serving or task.done())
            yield engine
        finally:
            engine.stop()
            await task

    @asynccontextmanager
    async def killed(self) -> AsyncGenerator[Engine]:
        """An engine that vanishes at the end of the block without a last word."""
        engine = self.engine()
        task = asyncio.create_task(engine.run())
        try:
            await until(lambda: engine.health().serving or task.done())
            yield engine
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def pool(self) -> list[Dispatch]:
        return list(self.broker.pools.get("default", ()))

    def finish(self, *dispatches: Dispatch) -> None:
        now = self.clock.now()
        self.broker.report(
            finished=[
                Finished(item.execution_id, item.attempt, ExecutionStatus.SUCCEEDED, b'"ok"', "w", now, now)
                for item in dispatches
            ]
        )

    def statuses(self) -> list[ExecutionStatus]:
        return [row.stored.status for row in self.store.executions.values()]


async def until(condition: Callable[[], bool], timeout_seconds: float = 60.0) -> None:
    async with asyncio.timeout(timeout_seconds):
        while not condition():
            await asyncio.sleep(0.001)


def requests(count: int, key: str | None = None) -> list[ExecutionRequest]:
    return [ExecutionRequest(REF, b'{"n": %d}' % number, key) for number in range(count)]


async def accepted(submission: Awaitable[Sequence[Receipt | Refusal]]) -> list[Receipt]:
    outcomes = await submission
    receipts = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
    assert len(receipts) == len(outcomes)
    return receipts


@pytest.fixture
def world() -> World:
    return World()


async def test_from_request_to_result(world: World) -> None:
    async with world.running() as engine:
        await engine.set_policy(REF, QueuePolicy(concurrency=2))
        receipts = await accepted(engine.submit(requests(3)))
        assert [receipt.queue_position for receipt in receipts] == [0, 0, 1]
        await until(lambda: len(world.pool()) == 2)
        assert [item.parameters for item in world.pool()] == [b'{"n": 0}', b'{"n": 1}']
        waiting = await engine.execution(receipts[2].execution_id)
        assert waiting is not None
        assert waiting.queue_position == 1
        world.finish(world.pool()[0])
        await until(lambda: len(world.pool()) == 3)
        assert world.pool()[2].parameters == b'{"n": 2}'
        world.finish(*world.pool()[1:])
        await until(lambda: world.statuses() == [ExecutionStatus.SUCCEEDED] * 3)
        view = await engine.execution(receipts[0].execution_id)
        assert view is not None
        assert (view.stored.status, view.stored.result, view.queue_position) == (
            ExecutionStatus.SUCCEEDED,
            b'"ok"',
            None,
        )
        await until(lambda: world.broker.unacknowledged == 0)
        await until(lambda: [stats.total_completed for stats in engine.stats()] == [3])
        await until(lambda: [stats.total_completed for stats in world.store.stats.values()] == [3])


async def test_a_killed_owner_loses_nothing_and_repeats_nothing_confirmed(world: World) -> None:
    async with world.killed() as engine:
        await engine.set_policy(REF, QueuePolicy(concurrency=2))
        await engine.submit(requests(5))
        await until(lambda: world.store.shards[0].confirmed_order == 2)
    first = world.pool()
    async with world.running() as engine:
        assert engine.policies() == {REF: QueuePolicy(concurrency=2)}
        stats = engine.stats_of(REF)
        assert stats is not None
        assert (stats.queue_length, stats.active_count, stats.total_enqueued) == (3, 2, 5)
        world.finish(*first)
        await until(lambda: len(world.pool()) == 4)
        world.finish(*world.pool()[2:])
        await until(lambda: len(world.pool()) == 5)
        world.finish(world.pool()[4])
        await until(lambda: world.statuses() == [ExecutionStatus.SUCCEEDED] * 5)
    assert [item.execution_id for item in world.pool()] == sorted(world.store.executions)
    assert {item.attempt for item in world.pool()} == {1}


async def commit_without_publishing(world: World) -> None:
    """Leave one execution committed as dispatched, by an owner that was killed before the broker had it."""
    async with world.killed() as engine:
        await engine.set_policy(REF, QueuePolicy(concurrency=1))
        submission = asyncio.create_task(engine.submit(requests(1)))
        # The broker fails between the check at the door and the publish.
        await asyncio.sleep(0)
        world.broker.away = True
        await submission
    world.broker.away = False


async def test_a_committed_dispatch_that_never_reached_the_broker_is_repeated(world: World) -> None:
    await commit_without_publishing(world)
    assert world.pool() == []
    async with world.running():
        await until(lambda: [item.attempt for item in world.pool()] == [2])


async def test_what_a_worker_reports_or_holds_is_not_repeated(world: World) -> None:
    await commit_without_publishing(world)
    (execution_id,) = world.store.executions
    async with world.running():
        world.broker.report(started=[Started(execution_id, 1, "worker", world.clock.now())])
        world.broker.add_worker(held=[(execution_id, 1)])
        await until(lambda: world.statuses() == [ExecutionStatus.RUNNING])
        calls = world.broker.roll_calls
        await until(lambda: world.broker.roll_calls > calls + 5)
        assert world.store.shards[0].publish_order == 1
        assert world.pool() == []


async def test_a_graceful_stop_leaves_nothing_unconfirmed(world: World) -> None:
    async with world.running() as engine:
        await engine.set_policy(REF, QueuePolicy(concurrency=3))
        await engine.submit(requests(3))
    assert world.store.shards[0].confirmed_order == world.store.shards[0].publish_order == 3


async def test_a_successor_fences_the_owner(world: World) -> None:
    first = world.engine("first")
    task = asyncio.create_task(first.run())
    await until(lambda: first.health().serving)
    await first.set_policy(REF, QueuePolicy(concurrency=1))
    await MemoryJournal(world.store).acquire("second")
    with pytest.raises(UnavailableError):
        await first.submit(requests(1))
    with pytest.raises(FencedError, match="second owns the shard"):
        await task
    assert world.store.executions == {}


async def test_an_owner_that_lost_the_shard_during_an_outage_learns_it_afterwards(world: World) -> None:
    first = world.engine("first")
    task = asyncio.create_task(first.run())
    await until(lambda: first.health().serving)
    world.store.away = True
    await until(lambda: not first.health().serving)
    world.store.away = False
    await MemoryJournal(world.store).acquire("second")  # at once: in memory it awaits nothing
    with pytest.raises(FencedError, match="second owns the shard"):
        await task


async def test_a_database_outage_refuses_callers_and_recovers(world: World) -> None:
    async with world.running() as engine:
        await engine.set_policy(REF, QueuePolicy(concurrency=1))
        await engine.submit(requests(2))
        await until(lambda: len(world.pool()) == 1)
        world.store.away = True
        world.finish(world.pool()[0])
        await until(lambda: not engine.health().serving)
        with pytest.raises(UnavailableError, match="database away"):
            await engine.submit(requests(1))
        world.store.away = False
        await until(lambda: len(world.pool()) == 2)
        assert world.statuses() == [ExecutionStatus.SUCCEEDED, ExecutionStatus.SCHEDULED]
        await accepted(engine.submit(requests(1)))


async def test_a_broker_outage_refuses_callers_and_publishes_later(world: World) -> None:
    async with world.running() as engine:
        await engine.set_policy(REF, QueuePolicy(concurrency=2))
        await engine.submit(requests(3))
        await until(lambda: len(world.pool()) == 2)
        world.broker.away = True
        world.finish(world.pool()[0])
        with pytest.raises(UnavailableError, match="message broker away"):
            await engine.submit(requests(1))
        await until(lambda: world.statuses().count(ExecutionStatus.SCHEDULED) == 2)
        world.broker.away = False
        await until(lambda: len(world.pool()) == 3)


async def test_a_broker_outage_is_no_reason_to_hurry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[TurnRecord] = []
    commit = MemoryJournal.commit

    async def counted(journal: MemoryJournal, turn: TurnRecord) -> Committed:
        commits.append(turn)
        return await commit(journal, turn)

    monkeypatch.setattr(MemoryJournal, "commit", counted)
    async with world.running():
        world.broker.away = True
        await until(lambda: len(commits) > 1)
        commits.clear()
        await asyncio.sleep(0.2)  # ten idle turns; a hot loop takes thousands
        assert len(commits) <= 20


async def test_one_idempotency_key_is_one_execution(world: World) -> None:
    async with world.running() as engine:
        await engine.set_policy(REF, QueuePolicy(concurrency=1))
        first, second = await accepted(engine.submit(requests(2, key="k")))
        assert first == second
        (third,) = await accepted(engine.submit(requests(1, key="k")))
        assert (third.execution_id, third.duplicate) == (first.execution_id, True)
        assert len(world.store.executions) == 1


def watch_commits(monkeypatch: pytest.MonkeyPatch, fails_at: int | None = None) -> list[int]:
    """Commits that take a moment, as a database's do; returns how many executions each of them ended.

    With ``fails_at`` the one of that number is lost.
    """
    written: list[int] = []
    commit = MemoryJournal.commit

    async def watched(journal: MemoryJournal, turn: TurnRecord) -> Committed:
        await asyncio.sleep(0.001)
        if turn.finished:
            written.append(len(turn.finished))
            if len(written) == fails_at:
                raise JournalError("no answer")
        return await commit(journal, turn)

    monkeypatch.setattr(MemoryJournal, "commit", watched)
    return written


async def test_a_purge_takes_several_turns_and_holds_up_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn writes more than its share of it, and what others ask for is answered in between."""
    written = watch_commits(monkeypatch)
    async with world.running() as engine:
        await engine.set_policy(REF, QueuePolicy(concurrency=1))
        await engine.set_policy("core.other", QueuePolicy(concurrency=1))
        await accepted(engine.submit(requests(3001)))
        purging = asyncio.ensure_future(engine.purge(PurgeOrder(REF, 3000)))
        await until(lambda: sum(written) > 0)
        later = await accepted(engine.submit([*requests(1), ExecutionRequest("core.other", b"{}")]))
        assert not purging.done(), "others had to wait for all of it"
        assert await purging == PurgeReport(3000, 0, 3001)
        assert max(written) == PURGED_IN_A_TURN
        assert [receipt.queue_position > 0 for receipt in later] == [True, False]
        ends = ["scheduled", *["cancelled"] * 3000, "requested", "scheduled"]
        assert [status.value for status in world.statuses()] == ends


async def test_a_commit_lost_in_the_middle_of_a_purge_leaves_the_rest_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch_commits(monkeypatch, fails_at=2)
    async with world.running() as engine:
        await engine.set_policy(REF, QueuePolicy(concurrency=1))
        await accepted(engine.submit(requests(3001)))
        with pytest.raises(UnavailableError):
            await engine.purge(PurgeOrder(REF, 3000))
        await until(lambda: engine.health().serving)
        assert world.statuses().count(ExecutionStatus.CANCELLED) == PURGED_IN_A_TURN
        assert await engine.purge(PurgeOrder(REF, 2000)) == PurgeReport(2000, 0, 3001)
        world.finish(*world.pool())
        await until(lambda: world.statuses()[0] is ExecutionStatus.SUCCEEDED)


async def test_one_request_purges_no_more_than_it_may_and_the_next_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attune_executor.domain.purge.PURGED_AT_MOST", 20)
    async with world.running() as engine:
        await engine.set_policy(REF, QueuePolicy(concurrency=1))
        await accepted(engine.submit(requests(51)))
        report = await engine.purge(PurgeOrder(REF, 50))
        assert report == PurgeReport(20, 30, 51)
        await accepted(engine.submit(requests(100)))
        assert await engine.purge(PurgeOrder(REF, 30, up_to=51)) == PurgeReport(20, 10, 51)
        assert await engine.purge(PurgeOrder(REF, 10, up_to=51)) == PurgeReport(10, 0, 51)
        stats = engine.stats_of(REF)
        assert stats is not None
        assert stats.queue_length == 100


async def test_policy_changes_bite_at_once(world: World) -> None:
    async with world.running() as engine:
        await engine.set_policy(REF, QueuePolicy(concurrency=1, max_queue_length=3))
        outcomes = await engine.submit(requests(5))
        assert [isinstance(outcome, Refusal) for outcome in outcomes] == [False] * 4 + [True]
        await engine.set_policy(REF, QueuePolicy(concurrency=3, max_queue_length=3))
        await until(lambda: len(world.pool()) == 3)
        await engine.remove_policy(REF)
        (refusal,) = await engine.submit(requests(1))
        assert isinstance(refusal, Refusal)
        assert engine.policies() == {}


async def test_policies_that_change_in_one_turn_are_saved_in_one_round_trip_and_the_last_wins(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[Mapping[str, QueuePolicy | None]] = []
    save = MemoryJournal.save_policies

    async def counted(journal: MemoryJournal, policies: Mapping[str, QueuePolicy | None]) -> Mapping[str, int]:
        saved.append(policies)
        return await save(journal, policies)

    monkeypatch.setattr(MemoryJournal, "save_policies", counted)
    policies = {f"many.{number}": QueuePolicy(concurrency=number) for number in range(1, 201)}
    async with world.running() as engine:
        await asyncio.gather(
            *(engine.set_policy(ref, QueuePolicy(concurrency=999)) for ref in policies),
            engine.set_policy(REF, QueuePolicy(concurrency=1)),
            *(engine.set_policy(ref, policy) for ref, policy in policies.items()),
            engine.remove_policy(REF),
        )
        assert engine.policies() == policies
        assert saved == [{**policies, REF: None}]


async def test_what_a_removed_policy_left_waiting_drains_by_it_after_a_crash(world: World) -> None:
    world.broker.add_worker("gpu-worker", pool="gpu")
    async with world.killed() as engine:
        await engine.set_policy(REF, QueuePolicy(concurrency=2, pool="gpu"))
        await engine.submit(requests(4))
        await engine.remove_policy(REF)
        await until(lambda: world.store.shards[0].confirmed_order == 2)
    async with world.running() as engine:
        gpu = world.broker.pools["gpu"]
        await until(lambda: len(gpu) == 2)
        world.finish(*gpu)
        await until(lambda: len(gpu) == 4)
        world.finish(*list(gpu)[2:])
        await until(lambda: world.statuses() == [ExecutionStatus.SUCCEEDED] * 4)
        assert world.pool() == []
        (refusal,) = await engine.submit(requests(1))
        assert isinstance(refusal, Refusal)
        assert engine.policies() == {}


async def test_what_a_change_of_pool_leaves_without_workers_is_dispatched_to_the_new_one(world: World) -> None:
    async with world.running() as engine:
        await engine.set_policy(REF, QueuePolicy(concurrency=1))
        (left, _) = await accepted(engine.submit(requests(2)))
        await until(lambda: len(world.pool()) == 1)
        await engine.set_policy(REF, QueuePolicy(concurrency=1, pool="gpu"))
        del world.broker.workers["worker"]
        world.broker.add_worker("gpu-worker", pool="gpu")
        await until(lambda: bool(world.broker.pools.get("gpu")))
        gpu = world.broker.pools["gpu"]
        assert [(item.execution_id, item.attempt) for item in gpu] == [(left.execution_id, 2)]
        # Its slot is free again once it has ended there: nothing is held by the pool that was left.
        world.finish(gpu[0])
        await until(lambda: len(gpu) == 2)
    assert len(world.pool()) == 1


async def test_reports_are_applied_again_after_a_reconnect_without_effect(world: World) -> None:
    async with world.running() as engine:
        await engine.set_policy(REF, QueuePolicy(concurrency=1))
        await engine.submit(requests(3))
        await until(lambda: len(world.pool()) == 1)
        world.finish(world.pool()[0])
        world.finish(world.pool()[0])
        world.broker.reconnect()
        await until(lambda: world.broker.unacknowledged == 0)
        await until(lambda: len(world.pool()) == 2)
        assert world.statuses().count(ExecutionStatus.SUCCEEDED) == 1


async def test_callers_beyond_the_bound_are_told_to_come_back(world: World) -> None:
    statistics = Statistics(world.clock, None)
    engine = Engine(
        "one",
        MemoryJournal(world.store),
        world.broker,
        statistics,
        world.clock,
        TurnSettings(max_waiting_requests=10, idle_turn_seconds=0.02),
    )
    async with world.running(engine):
        await engine.set_policy(REF, QueuePolicy(concurrency=1))
        with pytest.raises(UnavailableError, match="wait for the database"):
            await engine.submit(requests(11))
        await accepted(engine.submit(requests(10)))


async def test_callers_beyond_the_bound_of_bytes_are_told_to_come_back(world: World) -> None:
    settings = TurnSettings(max_waiting_bytes=100, idle_turn_seconds=0.02)
    engine = Engine(
        "one", MemoryJournal(world.store), world.broker, Statistics(world.clock, None), world.clock, settings
    )
    async with world.running(engine):
        await engine.set_policy(REF, QueuePolicy(concurrency=1))
        with pytest.raises(UnavailableError, match="0 requests of 0 bytes wait"):
            await engine.submit([ExecutionRequest(REF, b"{%s}" % (b" " * 100))])
        await accepted(engine.submit([ExecutionRequest(REF, b"{%s}" % (b" " * 98))]))
