"""Executors that share shards, on the ports in memory: who comes and goes, and how callers reach every action."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from attune_executor.adapters.memory import (
    JournalStore,
    ManualClock,
    MemoryBroker,
    MemoryJournal,
    MemoryMaintenance,
    MemoryMembership,
    MemoryQueueStatsRepository,
)
from attune_executor.domain.execution import Ending, ExecutionStatus
from attune_executor.domain.maintenance import Task, TaskReport
from attune_executor.domain.policy import Admission, QueuePolicy
from attune_executor.domain.purge import PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.sharding import shard_of
from attune_executor.domain.stuck import StuckExecution, StuckQuery
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.domain.throughput import Throughput
from attune_executor.engine.engine import Engine
from attune_executor.engine.local_shard import LocalShard
from attune_executor.engine.maintenance import Maintenance
from attune_executor.engine.shard_router import ShardRouter
from attune_executor.engine.shared_shards import SharedShards
from attune_executor.engine.statistics import Statistics
from attune_executor.engine.turn_loop import TurnSettings
from attune_executor.engine.views import UnavailableError
from attune_executor.ports.checkup import ExecutorCheckup, FleetCheckup
from attune_executor.ports.membership import Member
from attune_executor.ports.peers import PeerError, Place, QueuesThere

COUNT = 4
PATIENCE_SECONDS, IMPATIENCE_SECONDS = 600, 0.2
"""How long a silent executor or shard counts as alive: longer than this machine may stall, or soon over."""
REFS = [f"core.action{number}" for number in range(12)]
POLICIES = {ref: QueuePolicy(concurrency=1) for ref in REFS}


class World:
    """The database and the broker, and the executors that come and go; they are each other's peers."""

    def __init__(self) -> None:
        self.store = JournalStore()
        self.membership = MemoryMembership(self.store, alive_seconds=PATIENCE_SECONDS)
        self.clock = ManualClock()
        self.executors: dict[str, tuple[SharedShards, ShardRouter]] = {}
        self.brokers: list[MemoryBroker] = []
        self.silent: set[str] = set()
        """Executors that do not answer the others."""

    def opener(self, owner: str) -> Callable[[int, int | None], "asyncio.Future[LocalShard]"]:
        async def open_shard(number: int, if_epoch: int | None) -> LocalShard:
            journal = MemoryJournal(self.store, number)
            statistics = Statistics(self.clock, MemoryQueueStatsRepository(self.store), coalesce_seconds=0.01)
            settings = TurnSettings(idle_turn_seconds=0.02, roll_call_seconds=0.05, shards=COUNT)
            broker = MemoryBroker()
            self.brokers.append(broker)
            tasks = Maintenance(MemoryMaintenance(journal), self.clock) if number == 0 else None
            engine = Engine(owner, journal, broker, statistics, self.clock, settings, tasks, if_epoch)

            async def close() -> None:
                """There is nothing to close."""

            return LocalShard(number, engine, journal, close)

        return lambda number, if_epoch: asyncio.ensure_future(open_shard(number, if_epoch))

    def be_impatient(self) -> None:
        self.membership._alive_seconds = IMPATIENCE_SECONDS  # pyright: ignore[reportPrivateUsage] - nobody does in earnest

    @asynccontextmanager
    async def executor(self, name: str) -> AsyncGenerator[tuple[SharedShards, ShardRouter]]:
        await self.membership.fix_count(COUNT)
        shards = SharedShards(
            Member(name, name), self.membership, self, COUNT, self.opener(name), POLICIES, None, interval_seconds=0.05
        )

        async def examine() -> ExecutorCheckup:
            found = {number: await engine.checkup() for number, engine in shards.engines.items()}
            return ExecutorCheckup(name, name, found, fifo_violations=0)

        router = ShardRouter(COUNT, shards, self, MemoryJournal(self.store).execution, examine)
        self.executors[name] = shards, router
        await shards.start()
        try:
            yield shards, router
        finally:
            del self.executors[name]
            await shards.stop()

    def give_workers(self) -> None:
        for broker in self.brokers:
            broker.add_worker()

    def owned(self) -> dict[str, list[int]]:
        return {name: sorted(shards.engines) for name, (shards, _) in self.executors.items()}

    def even(self) -> bool:
        sizes = [len(numbers) for numbers in self.owned().values()]
        known = all(
            number in shards.engines or shards.owner_url(number) is not None
            for shards, _ in self.executors.values()
            for number in range(COUNT)
        )
        return known and sum(sizes) == COUNT and max(sizes) - min(sizes) <= 1

    def _peer(self, url: str) -> ShardRouter:
        if url not in self.executors or url in self.silent:
            raise PeerError(f"{url} does not answer")
        return self.executors[url][1]

    async def submit(self, url: str, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
        try:
            return await self._peer(url).here.submit(requests)
        except UnavailableError as error:
            raise PeerError(str(error)) from error

    async def cancel(self, url: str, execution_id: int) -> Intervention:
        return await self._peer(url).here.end(execution_id, None)

    async def complete(self, url: str, execution_id: int, ending: Ending) -> Intervention:
        return await self._peer(url).here.end(execution_id, ending)

    async def purge(self, url: str, order: PurgeOrder) -> PurgeReport | PurgeRefused | None:
        return await self._peer(url).here.purge(order)

    async def stuck(self, url: str, query: StuckQuery, shards: Sequence[int]) -> Sequence[StuckExecution]:
        return await self._peer(url).here.stuck(query, shards)

    async def place(self, url: str, execution_id: int) -> Place:
        return await self._peer(url).here.place(execution_id)

    async def queues(self, url: str, shards: Sequence[int]) -> QueuesThere:
        return await self._peer(url).here.queues(shards)

    async def checkup(self, url: str) -> ExecutorCheckup:
        return await self._peer(url).here.checkup()

    async def throughput(self, url: str, ref: str | None) -> Sequence[Throughput]:
        return await self._peer(url).here.throughput(ref)

    async def maintenance(self, url: str) -> Sequence[TaskReport]:
        return await self._peer(url).here.maintenance()

    async def run_maintenance(self, url: str, task: Task) -> TaskReport:
        return await self._peer(url).here.run_maintenance(task)


@pytest.fixture
def world() -> World:
    return World()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


async def test_one_alone_takes_all_and_a_second_gets_its_half(world: World) -> None:
    async with world.executor("one"):
        assert world.owned() == {"one": [0, 1, 2, 3]}
        async with world.executor("two"):
            await until(world.even)
            epochs = [world.store.shards[number].epoch for number in range(COUNT)]
            await asyncio.sleep(0.5)
            assert [world.store.shards[number].epoch for number in range(COUNT)] == epochs
        await until(lambda: world.owned() == {"one": [0, 1, 2, 3]})


async def test_whoever_is_asked_all_actions_are_reached(world: World) -> None:
    async with world.executor("one") as (_, router), world.executor("two") as (_, other):
        await until(world.even)
        assert len({shard_of(ref, COUNT) for ref in REFS}) == COUNT
        for asked in (router, other):
            receipts = await asked.submit([ExecutionRequest(ref, b"{}") for ref in [*REFS, "core.unknown"]])
            assert [receipt.action_ref for receipt in receipts] == [*REFS, "core.unknown"]
            assert [type(receipt) for receipt in receipts] == [*[Receipt] * len(REFS), Refusal]
        for receipt in receipts[:-1]:
            assert isinstance(receipt, Receipt)
            for asked in (router, other):
                view = await asked.execution(receipt.execution_id)
                assert view is not None
                assert view.queue_position == 2
            assert await router.cancel(receipt.execution_id) is Intervention.CANCELLED
            assert await other.cancel(receipt.execution_id) is Intervention.ENDED
        for asked in (router, other):
            await until(lambda asked=asked: sum(each.total_enqueued for each in asked.stats()) == 2 * len(REFS))
            assert all(asked.stats_of(ref) is not None for ref in REFS)
            assert asked.stats_of("core.unknown") is None
            lately = {each.action_ref: each for each in await asked.throughput()}
            assert {ref: each.hour.accepted for ref, each in lately.items()} == dict.fromkeys(REFS, 2)
            assert [each.hour.cancelled for each in await asked.throughput(REFS[3])] == [1]
            assert not await asked.throughput("core.unknown")
        assert await router.execution(10**6) is None
        assert await router.cancel(10**6) is Intervention.UNKNOWN


async def test_whoever_is_asked_knows_what_the_owners_measured(world: World) -> None:
    async with world.executor("one") as (one, router), world.executor("two") as (two, other):
        await until(world.even)
        world.give_workers()
        await router.submit([ExecutionRequest(ref, b"{}") for ref in REFS])

        def alike() -> bool:
            seen = [sorted(asked.stats(), key=lambda each: each.action_ref) for asked in (router, other)]
            return seen[0] == seen[1] and all(each.active_count for each in seen[0])

        await until(alike)
        assert all(each.load.peak_per_hour > 0 and each.admission is Admission.OPEN for each in other.stats())
        assert one.remote.pools["default"].slots == two.remote.pools["default"].slots > 0
        world.silent = {"one"}
        # As the database has it, which knows nothing of all that.
        await until(lambda: all(each.admission is None for each in two.remote.stats.values()))
        assert {each.action_ref for each in other.stats()} == set(REFS)


async def test_the_health_is_that_of_all_executors_whoever_is_asked(world: World) -> None:
    async with world.executor("one") as (one, router), world.executor("two") as (two, other):
        await until(world.even)
        for asked in (router, other):
            found = await asked.checkup()
            assert {each.name: sorted(each.shards) for each in found.answered} == world.owned()
            assert (found.shard_count, found.silent, found.unserved) == (COUNT, [], [])
        world.silent = {"one"}
        found = await other.checkup()
        assert [each.name for each in found.answered] == ["two"]
        assert [(each.name, each.url, list(each.shards), each.reason) for each in found.silent] == [
            ("one", "one", sorted(one.engines), "one does not answer")
        ]
        assert found.unserved == []
        assert FleetCheckup(COUNT, [], found.silent).unserved == sorted(two.engines)


async def test_ending_by_hand_reaches_every_action_whoever_is_asked(world: World) -> None:
    async with world.executor("one") as (_, router), world.executor("two") as (_, other):
        await until(world.even)
        failed = Ending.because(ExecutionStatus.FAILED, "stuck")
        for asked, elsewhere in ((router, other), (other, router)):
            receipts = await asked.submit([ExecutionRequest(ref, b"{}") for ref in REFS for _ in range(3)])
            for receipt in receipts[::3]:
                assert isinstance(receipt, Receipt)
                assert await asked.complete(receipt.execution_id, failed) is Intervention.COMPLETED
                assert await elsewhere.complete(receipt.execution_id, failed) is Intervention.ENDED
            for ref in REFS:
                assert await asked.purge(PurgeOrder(ref, 1)) == PurgeRefused(2)
                report = await asked.purge(PurgeOrder(ref, 2))
                assert isinstance(report, PurgeReport)
                assert (report.cancelled, report.remaining) == (2, 0)
        assert await router.purge(PurgeOrder("core.unknown", 0)) is None
        assert await router.complete(10**6, failed) is Intervention.UNKNOWN


async def test_what_is_stuck_in_any_shard_is_told_by_whoever_is_asked(world: World) -> None:
    async with world.executor("one") as (shards, router), world.executor("two") as (others, other):
        await until(world.even)
        receipts = await router.submit([ExecutionRequest(ref, b"{}") for ref in REFS])
        world.give_workers()
        await until(lambda: sum(stats.active_count for stats in router.stats()) == len(REFS))
        world.clock.advance(601)
        query = StuckQuery(600.0)
        for asked in (router, other):
            found = await asked.stuck(query)
            assert {each.action_ref for each in found} == set(REFS)
            assert [each.execution_id for each in found] == sorted(
                receipt.execution_id for receipt in receipts if isinstance(receipt, Receipt)
            )
            assert len(await asked.stuck(query._replace(limit=5))) == 5
            for ref in REFS[:3]:
                assert [each.action_ref for each in await asked.stuck(query._replace(action_ref=ref))] == [ref]
        with pytest.raises(UnavailableError, match="changing its owner"):
            await router.here.stuck(query, list(others.engines))
        assert {shard_of(each.action_ref, COUNT) for each in await router.here.stuck(query, list(shards.engines))} == {
            *shards.engines
        }


async def test_whoever_is_asked_about_maintenance_says_the_same(world: World) -> None:
    async with world.executor("one") as (one, router), world.executor("two") as (two, other):
        await until(world.even)
        await until(lambda: len(world.store.maintenance) == len(Task))
        world.clock.advance(1)
        for asked in (router, other):
            before = {report.task: report for report in await asked.maintenance()}
            assert set(before) == set(Task)
            started = await asked.run_maintenance(Task.DELETE_EXECUTIONS)
            assert started.running
            async with asyncio.timeout(60):
                while any(report.running for report in await asked.maintenance()):
                    await asyncio.sleep(0.005)
            assert await router.maintenance() == await other.maintenance()
        absent = next(asked for asked, shards in ((router, one), (other, two)) if 0 not in shards.engines)
        with pytest.raises(UnavailableError, match="shard 0 is changing its owner"):
            await absent.here.maintenance()


async def test_what_is_asked_of_a_peer_is_not_passed_on(world: World) -> None:
    async with world.executor("one") as (shards, router), world.executor("two"):
        await until(world.even)
        away = next(ref for ref in REFS if shard_of(ref, COUNT) not in shards.engines)
        with pytest.raises(UnavailableError, match="changing its owner"):
            await router.here.submit([ExecutionRequest(away, b"{}")])


async def test_a_robbed_engine_is_given_up_and_the_rest_goes_on(world: World) -> None:
    async with world.executor("one") as (shards, router):
        await MemoryJournal(world.store, 2).acquire("somebody")
        await until(lambda: sorted(shards.engines) == [0, 1, 3])
        ref = next(ref for ref in REFS if shard_of(ref, COUNT) == 2)
        with pytest.raises(UnavailableError):
            await router.submit([ExecutionRequest(ref, b"{}")])
        # Somebody writes nothing more: after a while the shard is free.
        world.be_impatient()
        await until(lambda: sorted(shards.engines) == [0, 1, 2, 3])
        assert isinstance((await router.submit([ExecutionRequest(ref, b"{}")]))[0], Receipt)


async def test_an_outage_of_the_database_moves_nothing(world: World) -> None:
    async with world.executor("one") as (shards, router):
        world.be_impatient()
        world.store.away = True
        await asyncio.sleep(2 * IMPATIENCE_SECONDS)
        with pytest.raises(UnavailableError):
            await router.execution(1)
        world.store.away = False
        await until(lambda: all(engine.health().serving for engine in shards.engines.values()))
        assert world.owned() == {"one": [0, 1, 2, 3]}
        assert router.health().serving


async def test_policies_are_in_force_wherever_their_shard_comes(world: World) -> None:
    async with world.executor("one") as (one, _), world.executor("two") as (two, _):
        await until(world.even)
        for shards in (one, two):
            await shards.set_policy("core.new", QueuePolicy(concurrency=7))
            await shards.remove_policy(REFS[0])
            assert shards.policies() == {**{ref: POLICIES[ref] for ref in REFS[1:]}, "core.new": QueuePolicy(7)}
        declared = {ref for each in (one, two) for engine in each.engines.values() for ref in engine.policies()}
        assert declared == {*REFS[1:], "core.new"}
