"""What those who watch are sent: a picture, then changes; the same bytes for all, and nothing that lasts for ever."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from attune_executor.api import live as live_module
from attune_executor.api.live import AbsentQueues, LiveQueues
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.policy import Admission, QueuePolicy, RateLimit
from attune_executor.domain.pool_size import PoolSize
from attune_executor.domain.stats import Load, QueueStats
from attune_executor.engine.views import EngineHealth

QUEUE = QueueStats(7, "core.echo", 3, 2, 2, 990.0, 5, 0, 0, 1000.0, Load(0.0, 4.0))
POLICY = QueuePolicy(concurrency=2, max_queue_length=10)


class Executor:
    """What the test says it is."""

    def __init__(self) -> None:
        self.queues = {QUEUE.action_ref: QUEUE}
        self.declared = {QUEUE.action_ref: POLICY}
        self.workers = {"default": PoolSize(workers=1, draining=0, slots=10, held=2)}
        self.mode: Emergency | None = None

    def stats(self) -> Sequence[QueueStats]:
        return tuple(self.queues.values())

    def policies(self) -> Mapping[str, QueuePolicy]:
        return self.declared

    def pools(self) -> Mapping[str, PoolSize]:
        return self.workers

    def emergency(self) -> Emergency | None:
        return self.mode

    def health(self) -> EngineHealth:
        return EngineHealth(serving=True, last_turn_age_seconds=0.0, broker_connected=True, detail="serving")


class Decisions:
    def newest_first(self, namespace: str | None, deployment: str | None) -> Sequence[Mapping[str, Any]]:
        raise AssertionError(f"too much to ask for every second: {namespace} {deployment}")

    def latest(self) -> Sequence[Mapping[str, Any]]:
        decision = {"namespace": "a", "deployment": "default", "desired": 3, "reason": "Backlog", "ledger": {"much": 1}}
        return [decision]


def told(message: bytes) -> tuple[str, dict[str, Any]]:
    name, data = message.decode().rstrip().split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def following(live: LiveQueues, seconds: float = 60) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
    async with aclosing(live.messages(seconds)) as messages:
        async for message in messages:
            if message.startswith(b"event"):
                yield told(message)


@pytest.fixture
def executor() -> Executor:
    return Executor()


@pytest.fixture
def live(executor: Executor) -> LiveQueues:
    return LiveQueues(executor, Decisions(), lambda ref: ("ops", f"policy-of-{ref}"), clock=lambda: 1000.0)


async def test_first_comes_everything(live: LiveQueues) -> None:
    async with aclosing(following(live)) as messages:
        name, picture = await anext(messages)
    assert (name, picture["time"]) == ("picture", "1970-01-01T00:16:40.000+00:00")
    row = picture["queues"]["core.echo"]
    assert (row["queue_length"], row["active_count"], row["admission"], row["max_queue_length"]) == (3, 2, "Open", 10)
    assert row["policy"] == {"namespace": "ops", "name": "policy-of-core.echo"}
    assert row["estimated_wait_seconds"] == (3 + 2 + 1 - 2) * 4.0 / 2
    assert picture["pools"] == {"default": {"workers": 1, "draining": 0, "slots": 10, "held": 2}}
    assert picture["decisions"]["default"]["desired"] == 3
    assert "ledger" not in picture["decisions"]["default"]
    assert picture["thresholds"]["length"][-1] == [100, "warning", "investigate load"]
    assert (picture["serving"], picture["emergency"], picture["scales"]) == (True, None, True)


async def test_then_only_what_changed(live: LiveQueues, executor: Executor) -> None:
    async with aclosing(following(live)) as messages:
        await anext(messages)
        executor.queues["core.other"] = replace(QUEUE, action_ref="core.other", queue_length=1)
        executor.mode = Emergency(close_tags=frozenset({"low"}))
        live.advance()
        name, changes = await anext(messages)
        assert name == "changes"
        assert changes["emergency"] == {"max_queue_length": 50_000, "close_below_priority": 0, "close_tags": ["low"]}
        assert changes["queues"]["core.other"]["admission"] is None
        assert changes["queues"]["core.echo"]["max_queue_length"] == 50_000
        assert "pools" not in changes
        assert "decisions" not in changes
        del executor.queues["core.other"]
        live.advance()
        _, changes = await anext(messages)
        assert changes == {"time": changes["time"], "queues": {"core.other": None}, "sampled": False}


async def test_nothing_new_is_not_told_but_life_is(live: LiveQueues, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "_HEARTBEAT_SECONDS", 0.01)
    async with aclosing(live.messages(60)) as messages:
        await anext(messages)
        live.advance()
        assert await anext(messages) == b": alive\n\n"


async def test_all_are_sent_the_same_bytes(live: LiveQueues, executor: Executor) -> None:
    watching = [live.messages(60) for _ in range(3)]
    first = [await anext(messages) for messages in watching]
    executor.queues["core.echo"] = replace(QUEUE, queue_length=4)
    live.advance()
    second = [await anext(messages) for messages in watching]
    assert all(message is first[0] for message in first)
    assert all(message is second[0] for message in second)
    assert live.watchers == 3
    for messages in watching:
        await messages.aclose()
    assert live.watchers == 0


async def test_who_cannot_follow_is_shown_everything_again(live: LiveQueues, executor: Executor) -> None:
    async with aclosing(following(live)) as messages:
        await anext(messages)
        for length in (4, 5):
            executor.queues["core.echo"] = replace(QUEUE, queue_length=length)
            live.advance()
        name, picture = await anext(messages)
    assert (name, picture["queues"]["core.echo"]["queue_length"]) == ("picture", 5)


async def test_it_ends_when_its_time_is_over(live: LiveQueues) -> None:
    assert [name async for name, _ in following(live, 0)] == ["picture"]


async def test_depths_are_kept_while_nobody_watches(live: LiveQueues, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "_TICK_SECONDS", 0.001)
    running = asyncio.create_task(live.run())
    async with asyncio.timeout(60):
        while True:
            (message,) = [each async for each in following(live, 0)]
            if len(message[1]["depths"].get("core.echo", ())) >= 3:
                break
            await asyncio.sleep(0.01)
    assert set(message[1]["depths"]["core.echo"]) == {3}
    async with aclosing(following(live)) as messages:
        await anext(messages)
        name, changes = await anext(messages)
        assert (name, changes["sampled"], "queues" in changes) == ("changes", True, False)
        running.cancel()
        # Whoever runs it has ended, and so has the stream.
        assert [name async for name, _ in messages if name == "picture"] == []


async def wait_of(executor: Executor) -> float | None:
    _, picture = await anext(following(LiveQueues(executor), 0))
    return picture["queues"]["core.echo"]["estimated_wait_seconds"]


async def test_the_expected_wait_is_of_one_that_comes_now(executor: Executor) -> None:
    executor.workers["default"] = PoolSize(workers=1, draining=0, slots=1, held=1)
    assert await wait_of(executor) == (3 + 2 + 1 - 1) * 4.0 / 1
    executor.workers["default"] = PoolSize(workers=0, draining=0, slots=0, held=0)
    assert await wait_of(executor) is None
    executor.workers.clear()
    executor.declared["core.echo"] = replace(POLICY, rate_limit=RateLimit(1, 60.0))
    assert await wait_of(executor) == (4 - 1) * 60.0
    executor.declared["core.echo"] = replace(POLICY, admission=Admission.HOLD)
    assert await wait_of(executor) is None


async def test_a_decision_finds_the_pool_of_another_namespace(executor: Executor) -> None:
    executor.workers["default.a"] = PoolSize(workers=1, draining=0, slots=10, held=2)
    live = LiveQueues(executor, Decisions())
    _, picture = await anext(following(live, 0))
    assert picture["decisions"].keys() == {"default.a"}


async def test_without_an_engine_there_is_nothing_to_see() -> None:
    _, picture = await anext(following(LiveQueues(AbsentQueues()), 0))
    assert (picture["serving"], picture["queues"]) == (False, {})
