"""The picture of the queues: changes at once, measured load fading also where nothing happens."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from attune_executor.adapters.memory import (
    JournalStore,
    ManualClock,
    MemoryJournal,
    MemoryLoadHistory,
    MemoryQueueStatsRepository,
)
from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.queue_manager import ExecutionQueueManager
from attune_executor.domain.records import Accepted, Finished, TurnRecord
from attune_executor.domain.submission import ExecutionRequest
from attune_executor.engine.calibration import Calibration
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
    async with asyncio.timeout(60):
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
        assert statistics.snapshot["idle"].load.peak_per_hour == 12
        clock.advance(2 * 3600)

        def faded() -> bool:
            statistics.turn_committed([busy])
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
        statistics.turn_committed([busy])
        await until(lambda: heard == [2, 2])


async def test_no_picture_shows_what_is_not_committed() -> None:
    clock = ManualClock()
    manager, busy, idle = queues(clock)
    statistics = Statistics(clock, None, coalesce_seconds=0.001, refresh_seconds=0.01)
    statistics.replace(manager.queues())
    async with running(statistics):
        await until(lambda: statistics.snapshot["busy"].total_enqueued == 1 if statistics.snapshot else False)
        statistics.turn_committed([idle])
        statistics.turn_begins()
        manager.submit(ExecutionRequest("busy", b"{}"), 3, clock.now())
        await asyncio.sleep(0.1)  # many refreshes come due, and none may look
        assert statistics.snapshot["busy"].total_enqueued == 1
        statistics.turn_committed([busy])
        await until(lambda: statistics.snapshot["busy"].total_enqueued == 2)


async def test_a_failed_turn_leaves_no_trace_in_the_saved_counters() -> None:
    clock = ManualClock()
    store = JournalStore()
    manager, *_ = queues(clock)
    statistics = Statistics(clock, MemoryQueueStatsRepository(store), coalesce_seconds=0.001, refresh_seconds=0.01)
    statistics.replace(manager.queues())
    async with running(statistics):
        await until(lambda: len(store.stats) == 2)
        statistics.turn_begins()
        manager.submit(ExecutionRequest("busy", b"{}"), 3, clock.now())
        rebuilt, *_ = queues(clock)
        statistics.replace(rebuilt.queues())
        await until(lambda: statistics.snapshot["busy"].last_updated == clock.now())
        assert [row.total_enqueued for row in store.stats.values()] == [1, 1]


async def test_after_a_restart_the_load_of_the_past_is_brought_back_while_the_queues_work() -> None:
    clock, store = ManualClock(), JournalStore()
    journal = MemoryJournal(store)
    await journal.acquire("before")
    action_id = (await journal.save_policies({"busy": QueuePolicy(concurrency=1)}))["busy"]
    started, now = clock.now() - 70, clock.now()
    await journal.commit(
        TurnRecord(
            accepted=[Accepted(1, action_id, "busy", 1, b"{}", None, started, 1)],
        )
    )
    await journal.commit(TurnRecord(finished=[Finished(1, 1, ExecutionStatus.SUCCEEDED, b"{}", "w", started, now)]))
    manager, busy, _ = queues(clock)
    statistics = Statistics(
        clock,
        None,
        coalesce_seconds=0.001,
        refresh_seconds=0.01,
        calibration=Calibration(MemoryLoadHistory(store), clock),
    )
    store.away = True
    statistics.replace(manager.queues())
    assert busy.action_id == action_id
    async with running(statistics):
        await until(lambda: "busy" in statistics.snapshot)
        assert not statistics.snapshot["busy"].load.calibrated
        store.away = False
        await until(lambda: statistics.snapshot["busy"].load.calibrated)

    assert statistics.snapshot["busy"].load.average_duration_seconds is not None
    assert statistics.snapshot["idle"].load.average_duration_seconds is None
