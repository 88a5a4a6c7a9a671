"""What runs at once, what is stopped and how, and what is left behind where it cannot be."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from typing import Any

import orjson
import pytest

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.wire.dispatches import Assignment
from attune_executor.wire.envelope import Origin
from attune_executor.worker import action, slots
from attune_executor.worker.assignments import CANCELLED
from attune_executor.worker.execution import Execution
from attune_executor.worker.invocation import Invoker
from attune_executor.worker.outcome import Outcome
from attune_executor.worker.registry import Action
from attune_executor.worker.slots import Slots, Stop, shorter

Ended = dict[int, Outcome | None]


class Rig:
    """Slots with what waits for them and what became of it."""

    def __init__(self, count: int, *actions: Action[..., Any]) -> None:
        self.waiting = deque[Execution]()
        self.started: list[int] = []
        self.ended: Ended = {}
        self.slots = Slots(
            Invoker({each.ref: each for each in actions}, count),
            count,
            take=lambda: self.waiting.popleft() if self.waiting else None,
            on_start=lambda execution, _: self.started.append(execution.assignment.execution_id),
            on_end=self._note,
        )

    def _note(self, execution: Execution, outcome: Outcome | None, _started_at: float) -> None:
        assert execution.assignment.execution_id not in self.ended, "ended twice"
        self.ended[execution.assignment.execution_id] = outcome

    def add(self, number: int, ref: str, timeout: float | None = None, replaces: Execution | None = None) -> Execution:
        assignment = Assignment(number, 1, ref, b"{}", timeout)
        execution = Execution(assignment, Origin("m", "t"), replaces=replaces)
        self.waiting.append(execution)
        self.slots.fill()
        return execution

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not reached():
                assert not self.slots.failed.done(), self.slots.failed
                await asyncio.sleep(0.005)

    async def end(self, *numbers: int) -> None:
        await self.until(lambda: set(numbers) <= set(self.ended))

    def status(self, number: int) -> ExecutionStatus:
        outcome = self.ended[number]
        assert outcome is not None
        return outcome.status


variable = ContextVar("variable", default="clean")


@action("quick")
async def quick() -> str:
    return variable.get()


@action("dirty")
async def dirty() -> None:
    variable.set("dirty")


@action("slow")
async def slow() -> None:
    await asyncio.sleep(600)


@action("short", timeout_seconds=0.05)
async def short() -> None:
    await asyncio.sleep(600)


@action("late")
async def late() -> str:
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        return "too late"
    return "in time"


stubborn_may_end = threading.Event()


@action("stubborn")
async def stubborn() -> None:
    while not stubborn_may_end.is_set():
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            continue


thread_may_end = threading.Event()


@action("thread")
def thread() -> None:
    thread_may_end.wait(600)


ALL = (quick, dirty, slow, short, late, stubborn, thread)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig(2, *ALL)
    thread_may_end.clear()
    stubborn_may_end.clear()
    yield rig
    thread_may_end.set()
    stubborn_may_end.set()
    await rig.slots.close(60)
    assert not rig.slots.failed.done()


async def test_brief_executions_run_by_the_thousand_in_order(rig: Rig) -> None:
    for number in range(1, 2001):
        rig.add(number, "quick")
    await rig.end(*range(1, 2001))
    assert rig.started == list(range(1, 2001))
    assert rig.slots.running == 0


async def test_the_loop_turns_while_brief_executions_run(rig: Rig) -> None:
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(turn)

    for number in range(1, 5001):
        rig.add(number, "quick")
    turn()
    await rig.end(*range(1, 5001))
    assert turns > 3


async def test_no_more_run_than_there_are_slots(rig: Rig) -> None:
    executions = [rig.add(number, "slow") for number in (1, 2, 3)]
    await rig.until(lambda: len(rig.started) == 2)
    rig.slots.stop(executions[0].key, Stop.CANCELLED)
    await rig.until(lambda: len(rig.started) == 3)
    assert rig.slots.running == 2


async def test_what_one_execution_leaves_in_its_context_the_next_does_not_see(rig: Rig) -> None:
    rig.add(1, "dirty")
    rig.add(2, "quick")
    await rig.end(1, 2)
    assert rig.ended[2] == Outcome(ExecutionStatus.SUCCEEDED, b'"clean"')


@pytest.mark.parametrize("ref", ["slow", "late"])
@pytest.mark.parametrize(
    ("why", "outcome"),
    [
        (Stop.CANCELLED, Outcome(ExecutionStatus.CANCELLED, CANCELLED)),
        (Stop.REPLACED, None),
    ],
)
async def test_what_is_stopped_ends_so_whatever_it_returns(
    rig: Rig, ref: str, why: Stop, outcome: Outcome | None
) -> None:
    execution = rig.add(1, ref)
    await rig.until(lambda: rig.started == [1])
    rig.slots.stop(execution.key, why)
    rig.add(2, "quick")
    await rig.end(1, 2)
    assert rig.ended[1] == outcome
    assert rig.status(2) is ExecutionStatus.SUCCEEDED


@pytest.mark.parametrize(("ref", "limit"), [("slow", 0.05), ("short", None), ("short", 3600), ("late", 0.05)])
async def test_the_shorter_timeout_ends_a_run(rig: Rig, ref: str, limit: float | None) -> None:
    rig.add(1, ref, limit)
    await rig.end(1)
    assert rig.ended[1] == Outcome(ExecutionStatus.TIMEOUT, b'{"error":"timed out after 0.05 s and was stopped"}')


async def test_a_timeout_does_not_reach_the_next_execution(rig: Rig) -> None:
    for number in range(1, 200):
        rig.add(number, "quick", 0.2)
    rig.add(200, "slow", 0.6)
    began = time.perf_counter()
    await rig.end(*range(1, 201))
    assert time.perf_counter() - began >= 0.6
    assert {rig.status(number) for number in range(1, 200)} == {ExecutionStatus.SUCCEEDED}


async def test_a_thread_keeps_its_slot_until_it_ends(rig: Rig) -> None:
    rig.add(1, "thread", 0.05)
    rig.add(2, "slow")
    await rig.end(1)
    outcome = rig.ended[1]
    assert outcome is not None
    assert outcome.status is ExecutionStatus.TIMEOUT
    assert "could not be stopped" in orjson.loads(outcome.result)["error"]
    assert rig.slots.left_behind == 1
    rig.add(3, "quick")
    await asyncio.sleep(0.05)
    assert 3 not in rig.started, "two slots, two that run"
    thread_may_end.set()
    await rig.end(3)
    assert rig.slots.left_behind == 0


async def test_what_ignores_being_cancelled_is_reported_and_keeps_its_slot(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "_CANCEL_INTERVAL_SECONDS", 0.02)
    rig.add(1, "stubborn", 0.02)
    rig.add(2, "slow")
    rig.add(3, "quick")
    await rig.end(1)
    assert rig.status(1) is ExecutionStatus.TIMEOUT
    assert (rig.slots.running, rig.slots.left_behind) == (1, 1)
    assert 3 not in rig.started
    stubborn_may_end.set()
    await rig.end(3)
    assert (rig.slots.running, rig.slots.left_behind) == (1, 0)


async def test_a_later_attempt_begins_when_the_earlier_has_ended(rig: Rig) -> None:
    older = rig.add(1, "slow")
    await rig.until(lambda: rig.started == [1])
    rig.add(2, "quick", replaces=older)
    await asyncio.sleep(0.02)
    assert rig.started == [1]
    rig.slots.stop(older.key, Stop.REPLACED)
    await rig.end(1, 2)
    assert rig.started == [1, 2]


async def test_closing_ends_what_can_be_ended_and_counts_the_rest(rig: Rig) -> None:
    rig.add(1, "slow")
    rig.add(2, "stubborn")
    await rig.until(lambda: len(rig.started) == 2)
    await rig.slots.close(0.1)
    assert rig.ended == {}
    assert rig.slots.left_behind == 1


@pytest.mark.parametrize(("first", "second", "both"), [(None, None, None), (1, None, 1), (None, 2, 2), (1, 2, 1)])
def test_the_shorter_of_two_times(first: float | None, second: float | None, both: float | None) -> None:
    assert shorter(first, second) == both
