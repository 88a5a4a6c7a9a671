"""The picture of the queues: changes at once, measured load fading also where nothing happens."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from attune_executor.adapters.memory import JournalStore, ManualClock, MemoryQueueStatsRepository
from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.queue_manager import ExecutionQueueManager
from attune_executor.domain.submission import ExecutionRequest
from attune_executor.engine.statistics import Statistics


@asynccontextmanager
async def running(statistics: Statistics) -> AsyncGenerator[None]:
    task = asyncio.create_task(statistics.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def queues(clock: ManualClock) -> tuple[ExecutionQueueManager, ActionQueue, ActionQueue]:
    manager = ExecutionQueueManager()
    for action_id, ref in enumerate(("busy", "idle"), start=1):
        manager.set_policy(action_id, ref, QueuePolicy(concurrency=1), clock.now())
        manager.submit(ExecutionRequest(ref, b"{}"), action_id, clock.now())
    busy, idle = manager.queue("busy"), manager.queue("idle")
    assert busy is not None
    assert idle is not None
    return manager, busy, idle


async def test_the_load_of_an_idle_queue_fades_while_another_is_busy() -> None:
    clock = ManualClock()
    manager, busy, _ = queues(clock)
    statistics = Statistics(clock, None, coalesce_seconds=0.001, refresh_seconds=0.02)
    statistics.replace(manager.queues())
    async with running(statistics):
        await until(lambda: "idle" in statistics.snapshot)
        assert statistics.snapshot["idle"].load.peak_per_hour == 60
        clock.advance(2 * 3600)

        def faded() -> bool:
            statistics.touched([busy])
            return statistics.snapshot["idle"].load.peak_per_hour == 0

        await until(faded)


async def test_statistics_that_could_not_be_saved_are_saved_later() -> None:
    clock = ManualClock()
    store = JournalStore(away=True)
    manager, *_ = queues(clock)
    statistics = Statistics(clock, MemoryQueueStatsRepository(store), coalesce_seconds=0.001)
    statistics.replace(manager.queues())
    async with running(statistics):
        await until(lambda: len(statistics.snapshot) == 2)
        assert store.stats == {}
        store.away = False
        await until(lambda: {row.action_ref for row in store.stats.values()} == {"busy", "idle"})


async def test_listeners_hear_of_every_picture() -> None:
    clock = ManualClock()
    manager, busy, _ = queues(clock)
    statistics = Statistics(clock, None, coalesce_seconds=0.001)
    heard: list[int] = []
    statistics.on_change(lambda: heard.append(len(statistics.snapshot)))
    statistics.replace(manager.queues())
    async with running(statistics):
        await until(lambda: heard == [2])
        statistics.touched([busy])
        await until(lambda: heard == [2, 2])
