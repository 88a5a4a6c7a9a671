"""Carries out the schedule's strikes."""

import asyncio
import random
import time
from collections.abc import Coroutine, Iterable
from typing import Final

from chaos.fleet import Fleet
from chaos.history import Disturbed, Part, Recorder
from chaos.schedule import Blow, Strike
from chaos.tally import Tally
from testbed.services.server import Server

_NO_PID: Final = 0
"""A server is several processes, and all of them are killed."""


class Killer:
    """Kills parts and brings the servers among them back; the fleet brings back its processes by itself."""

    def __init__(self, fleet: Fleet, servers: dict[Part, Server], seed: int, recorder: Recorder, tally: Tally) -> None:
        self._fleet = fleet
        self._servers = servers
        self._chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be unguessable
        self._recorder = recorder
        self._tally = tally
        self.strikes = 0
        """So many have fallen."""
        self._down = {part: asyncio.Lock() for part in servers}

    async def run(self, strikes: Iterable[Strike], stop: asyncio.Event) -> None:
        """Strike until `stop`; returns once every server is up again and nobody is paused."""
        async with asyncio.TaskGroup() as group:
            for strike in strikes:
                if not await _unless(stop, self._wait(strike)):
                    return
                self.strikes += 1
                for blow in strike.blows:
                    group.create_task(self._strike(blow, strike.down_seconds))

    async def _wait(self, strike: Strike) -> None:
        if strike.merciful:
            for down in self._down.values():
                async with down:
                    pass
            await self._fleet.serving()
        await asyncio.sleep(strike.wait_seconds)

    async def _strike(self, blow: Blow, down_seconds: float) -> None:
        """Strike, unless the part lies on the ground already."""
        match blow:
            case Blow.KILL_POSTGRES | Blow.KILL_RABBITMQ:
                if not self._down[blow.part].locked():
                    self._tally.blows[blow.value] += 1
                    await self._kill_server(blow.part, down_seconds)
            case Blow.KILL_EXECUTOR | Blow.KILL_WORKER:
                if victims := self._fleet.running(blow.part):
                    self._tally.blows[blow.value] += 1
                    self._fleet.kill(self._chance.choice(victims))
            case Blow.PAUSE_EXECUTOR:
                self._tally.blows[blow.value] += await self._fleet.replace_paused_executor(down_seconds)

    async def _kill_server(self, part: Part, down_seconds: float) -> None:
        async with self._down[part]:
            server = self._servers[part]
            self._recorder.record(Disturbed(part, "kill", _NO_PID, time.time()))
            await asyncio.to_thread(server.kill)
            await asyncio.sleep(down_seconds)
            await asyncio.to_thread(server.start)
            # Clients of a server that is coming back run into what is left of the outage.
            self._recorder.record(Disturbed(part, "return", _NO_PID, time.time()))


async def _unless(stop: asyncio.Event, waiting: Coroutine[None, None, None]) -> bool:
    """Wait; False as soon as `stop` is set."""
    tasks = asyncio.create_task(waiting), asyncio.create_task(stop.wait())
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    if not stop.is_set():
        tasks[0].result()
    return not stop.is_set()
