"""What goes wrong, and when: drawn from the seed, before or after the effect of every call to the outside."""

import asyncio
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from random import Random
from typing import TypeVar

_Result = TypeVar("_Result")


class Fault(StrEnum):
    """What happens around a call."""

    FAILS_BEFORE = "fails before"
    FAILS_AFTER = "fails after"
    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"


class Faults:
    """The dice. ``rate`` is the share of calls around which something goes wrong."""

    def __init__(self, random: Random, rate: float) -> None:
        self.random = random
        self.rate = rate
        self.seen: Counter[tuple[str, Fault]] = Counter()
        self._answers: list[asyncio.Future[None]] = []

    def draw(self, call: str) -> Fault | None:
        if self.random.random() >= self.rate:
            return None
        fault = self.random.choice(list(Fault))
        self.seen[call, fault] += 1
        return fault

    async def no_answer(self) -> None:
        """Wait for what a dead process will never hear.

        It is remembered, since a task that waits for something which nobody knows is garbage, and would be collected in
        the middle of its work rather than cancelled in the end.
        """
        answer = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        await answer

    def latency(self) -> float:
        """Seconds; now and then long, so that everything overtakes everything that it may."""
        scale = 0.5 if self.random.random() < 0.05 else 0.01
        return self.random.random() * scale


class Process:
    """Something that talks to the outside, and that can be paused or killed while it does."""

    def __init__(self, name: str, faults: Faults) -> None:
        self.name = name
        self.alive = True
        self.task: asyncio.Task[None] | None = None
        self.paused_until = 0.0
        self._faults = faults

    async def call(self, name: str, effect: Callable[[], _Result], error: type[Exception]) -> _Result:
        """Have ``effect`` at some moment from now on, with what goes wrong before and after it."""
        await self._time_passes()
        fault = self._faults.draw(name)
        if fault is Fault.FAILS_BEFORE:
            raise error(f"{name} failed")
        if fault is Fault.CRASH_BEFORE:
            await self._crash()
        result = effect()
        await self._time_passes()
        if fault is Fault.FAILS_AFTER:
            raise error(f"{name} was not answered")
        if fault is Fault.CRASH_AFTER:
            await self._crash()
        return result

    def kill(self) -> None:
        """End it: from here on it has no effect on anything."""
        self.alive = False
        if self.task is not None:
            asyncio.get_running_loop().call_soon(self.task.cancel)

    async def _time_passes(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._faults.latency())
        while self.alive and loop.time() < self.paused_until:
            await asyncio.sleep(self.paused_until - loop.time())
        if not self.alive:
            await self._faults.no_answer()

    async def _crash(self) -> None:
        self.kill()
        await self._faults.no_answer()
