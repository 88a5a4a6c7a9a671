"""Limits that are changed while everything is killed: the configuration is edited and the executor reads it again."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import httpx

from chaos import outcome
from chaos.fleet import Fleet
from chaos.history import LimitSet, Recorder
from chaos.tally import Tally
from chaos.workload import Load, policies

_POLL_SECONDS: Final = 1.0
_RAISED: Final = 2
"""A limit is set to anything from 1 to so many times what it was at first."""


class Changes:
    """Changes one limit after the other."""

    def __init__(
        self, fleet: Fleet, load: Sequence[Load], max_queue_length: int, seed: int, recorder: Recorder, tally: Tally
    ) -> None:
        self._fleet = fleet
        self._load = {each.ref: each for each in load}
        self._first = dict(self._load)
        self._max_queue_length = max_queue_length
        self._chance = random.Random(f"{seed} limits")  # noqa: S311 - to be repeated, not to be unguessable
        self._recorder = recorder
        self._tally = tally

    async def run(self, mean_gap_seconds: float, stop: asyncio.Event) -> None:
        """Change limits until `stop`; returns when the last change is in force."""
        changing = [ref for ref, load in self._load.items() if load.changing]
        while True:
            try:
                async with asyncio.timeout(mean_gap_seconds * self._chance.uniform(0.5, 1.5)):
                    await stop.wait()
            except TimeoutError:
                await self._change(self._chance.choice(changing))
            else:
                return

    async def _change(self, ref: str) -> None:
        limit = self._chance.randint(1, _RAISED * self._first[ref].limit)
        self._load[ref] = replace(self._load[ref], limit=limit)
        asked_at = time.time()
        self._fleet.configure(policies(self._load.values(), self._max_queue_length))
        while not await self._in_force(ref, limit):
            await asyncio.sleep(_POLL_SECONDS)
        self._recorder.record(LimitSet(ref, limit, asked_at, time.time()))
        self._tally.blows["change a limit"] += 1

    async def _in_force(self, ref: str, limit: int) -> bool:
        """Whether the executor works by this limit; if not, have it read its configuration again."""
        try:
            if await outcome.limit(self._fleet.executor_url, ref) == limit:
                return True
        except httpx.HTTPError:
            return False
        self._fleet.reload()
        return False
