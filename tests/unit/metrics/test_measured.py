"""What an engine does shows in the metrics, and what fails too: on ports in memory behind the measuring ones."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest

from attune_executor.adapters.memory import JournalStore, ManualClock, MemoryBroker, MemoryJournal
from attune_executor.api.measured import MeasuredService
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import QueuePolicy, RetryPolicy
from attune_executor.domain.records import Finished
from attune_executor.domain.submission import ExecutionRequest
from attune_executor.engine.engine import Engine
from attune_executor.engine.statistics import Statistics
from attune_executor.engine.turn_loop import TurnSettings
from attune_executor.engine.views import UnavailableError
from attune_executor.metrics.broker import MeasuredBroker
from attune_executor.metrics.journal import MeasuredJournal
from attune_executor.metrics.meter import ExecutorMeter
from attune_executor.metrics.order_check import OrderCheck
from attune_executor.ports.broker import BrokerError, Dispatch
from attune_executor.ports.journal import JournalError

REF = "core.echo"


class World:
    def __init__(self) -> None:
        self.meter = ExecutorMeter()
        self.store = JournalStore()
        self.broker = MemoryBroker()
        self.broker.add_worker()
        self.clock = ManualClock()
        self.engine = Engine(
            "one",
            MeasuredJournal(MemoryJournal(self.store), self.meter),
            MeasuredBroker(self.broker, self.meter),
            Statistics(self.clock, None, on_turn=self.meter.turns.observe),
            self.clock,
            TurnSettings(idle_turn_seconds=0.02),
        )
        self.service = MeasuredService(self.engine, self.meter)

    def report(self, execution_id: int, attempt: int, status: ExecutionStatus, seconds: float) -> None:
        now = self.clock.now()
        self.broker.report(finished=[Finished(execution_id, attempt, status, b"{}", "w", now - seconds, now)])

    def sample(self, name: str, **labels: str) -> float:
        found = [
            each.value
            for family in self.meter.collect()
            for each in family.samples
            if each.name == name and each.labels == labels
        ]
        assert len(found) == 1, (name, labels)
        return found[0]


@asynccontextmanager
async def running() -> AsyncGenerator[World]:
    world = World()
    task = asyncio.create_task(world.engine.run())
    await world.engine.started()
    try:
        yield world
    finally:
        world.engine.stop()
        await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.002)


async def test_executions_are_counted_from_submission_to_end() -> None:
    async with running() as world:
        await world.engine.set_policy(REF, QueuePolicy(concurrency=1, max_queue_length=1))
        await world.service.submit([ExecutionRequest(REF, b"{}")] * 3)
        world.clock.advance(40)
        world.report(1, 1, ExecutionStatus.SUCCEEDED, seconds=3)
        await until(lambda: len(world.broker.pools["default"]) == 2)
        world.report(2, 1, ExecutionStatus.FAILED, seconds=100)
        await until(lambda: world.sample("attune_executions_finished_total", status="failed") == 1)

        assert world.sample("attune_submission_seconds_count") == 1
        assert world.sample("attune_requests_refused_total", code="queue_full") == 1
        assert world.sample("attune_executions_finished_total", status="succeeded") == 1
        assert world.sample("attune_execution_run_seconds_bucket", le="5.0") == 1
        assert world.sample("attune_execution_run_seconds_sum") == pytest.approx(103)
        assert world.sample("attune_execution_wait_seconds_bucket", le="15.0") == 1
        assert world.sample("attune_execution_wait_seconds_bucket", le="60.0") == 2
        assert world.sample("attune_execution_wait_seconds_sum") == pytest.approx(40, abs=0.1)
        assert world.sample("attune_executions_dispatched_total") == 2
        assert world.sample("attune_executions_retried_total") == 0
        assert world.sample("attune_commit_seconds_count") >= 3
        assert world.sample("attune_turn_seconds_count") >= 3
        assert world.sample("attune_publish_confirm_seconds_count") == 2
        assert world.sample("attune_worker_reports_total") >= 3


async def test_what_is_dispatched_again_is_counted_as_such() -> None:
    async with running() as world:
        await world.engine.set_policy(REF, QueuePolicy(concurrency=1, retry=RetryPolicy(max_attempts=2)))
        await world.service.submit([ExecutionRequest(REF, b"{}")])
        await until(lambda: len(world.broker.pools["default"]) == 1)
        world.report(1, 1, ExecutionStatus.FAILED, seconds=1)
        await until(lambda: len(world.broker.pools["default"]) == 2)

        assert world.sample("attune_executions_retried_total") == 1
        assert world.sample("attune_executions_dispatched_total") == 2
        assert world.sample("attune_executions_finished_total", status="failed") == 0


async def test_a_database_that_is_away_shows() -> None:
    async with running() as world:
        await world.engine.set_policy(REF, QueuePolicy(concurrency=1))
        assert world.sample("attune_database_answers") == 1
        world.store.away = True
        await until(lambda: world.sample("attune_database_errors_total") > 0)
        assert world.sample("attune_database_answers") == 0
        await until(lambda: not world.engine.health().serving)
        with pytest.raises(UnavailableError):
            await world.service.submit([ExecutionRequest(REF, b"{}")] * 2)
        assert world.sample("attune_requests_refused_total", code="unavailable") == 2
        world.store.away = False
        await until(lambda: world.sample("attune_database_answers") == 1)


async def test_publishes_that_fail_are_counted() -> None:
    world = World()
    world.broker.away = True
    broker = MeasuredBroker(world.broker, world.meter)
    with pytest.raises(BrokerError):
        await broker.send([])
    world.broker.away = False
    with pytest.raises(BrokerError):
        await (await broker.send([Dispatch(1, REF, 1, "no-such-pool", b"{}")]))
    assert world.sample("attune_publish_failures_total") == 1


async def test_the_check_of_the_order_tells_what_it_found_and_outlives_an_outage() -> None:
    meter = ExecutorMeter()
    answers: list[int | JournalError] = [0, JournalError("away"), 3]

    async def overtaken() -> int:
        if not answers:
            await asyncio.Event().wait()
        answer = answers.pop(0)
        if isinstance(answer, JournalError):
            raise answer
        return answer

    checking = asyncio.create_task(OrderCheck(overtaken, meter, interval_seconds=0).run())
    await until(lambda: not answers)
    await asyncio.sleep(0)
    checking.cancel()
    assert meter.fifo_violations == 3
