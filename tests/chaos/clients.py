"""Clients that submit without pause, under a key of their own for each execution, and ask again until they know."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import httpx

from chaos.history import (
    Answered,
    CancelAsked,
    CompleteAnswered,
    CompleteAsked,
    Outcome,
    PurgeAnswered,
    PurgeAsked,
    Recorder,
    Submitted,
)
from chaos.tally import Tally
from chaos.workload import Load

_TIMEOUT_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 0.5
_LARGEST_BATCH: Final = 20
_BATCHES: Final = 0.15
_CANCELS: Final = 0.03
_COMPLETIONS: Final = 0.03
_LOOKS_SECONDS: Final = 0.3
"""At most, before a client says how an execution ended."""
_PURGES: Final = 0.004
"""How often a client whose execution has to wait gives up all that waits with it."""
_WHATEVER_WAITS: Final = 1_000_000
_INSISTENCE: Final = 0.5
"""How often a client that is told that the queue is full comes back with the same key."""


@dataclass(frozen=True)
class Wanted:
    """An execution that a client wants."""

    key: str
    action: str
    group: str
    seconds: float

    def body(self) -> dict[str, Any]:
        """As one of a batch."""
        parameters = {"key": self.key, "seconds": self.seconds, "group": self.group}
        return {"action_ref": self.action, "parameters": parameters, "idempotency_key": self.key}


class Answer(NamedTuple):
    """What came back for one execution."""

    outcome: Outcome
    status: int | None = None
    execution_id: int | None = None
    position: int | None = None


class Client:
    """One client.

    Args:
        urls: where an executor may be; it goes on to the next when one does not answer or is not available.
        pause_seconds: between two submissions, on average.
    """

    def __init__(
        self,
        name: str,
        seed: int,
        urls: Sequence[str],
        load: Sequence[Load],
        pause_seconds: float,
        recorder: Recorder,
        tally: Tally,
    ) -> None:
        self._name = name
        self._chance = random.Random(f"{seed} {name}")  # noqa: S311 - to be repeated, not to be unguessable
        self._urls = urls
        self._url = 0
        self._load = load
        self._pause_seconds = pause_seconds
        self._recorder = recorder
        self._tally = tally
        self._count = 0
        self._purges = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Submit until `stop`, then return once the outcome of everything is known."""
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
            while not stop.is_set():
                many = self._chance.random() < _BATCHES
                wanted = [self._want() for _ in range(self._chance.randint(2, _LARGEST_BATCH) if many else 1)]
                await self._submit(http, wanted, stop)
                await asyncio.sleep(self._chance.expovariate(1 / self._pause_seconds))

    def _want(self) -> Wanted:
        self._count += 1
        (load,) = self._chance.choices(self._load, [load.weight for load in self._load])
        group = self._chance.choice(load.groups) if load.groups else ""
        seconds = round(self._chance.uniform(0, load.longest_seconds), 3)
        return Wanted(f"{self._name}-{self._count}", load.ref, group, seconds)

    async def _submit(self, http: httpx.AsyncClient, wanted: Sequence[Wanted], stop: asyncio.Event) -> None:
        while wanted:
            for item in wanted:
                self._recorder.record(Submitted(item.key, item.action, item.group, time.time()))
            answers = await self._post(http, wanted)
            at = time.time()
            again: list[Wanted] = []
            for item, answer in zip(wanted, answers, strict=True):
                self._recorder.record(
                    Answered(item.key, answer.outcome, at, answer.status, answer.execution_id, answer.position)
                )
                if self._wants_still(answer, stop):
                    again.append(item)
            for item, answer in zip(wanted, answers, strict=True):
                if answer.execution_id is not None and self._chance.random() < _CANCELS:
                    await self._cancel(http, item, answer.execution_id)
                if answer.execution_id is not None and self._chance.random() < _COMPLETIONS:
                    await self._complete(http, item, answer.execution_id)
                if answer.position and self._chance.random() < _PURGES:
                    await self._purge(http, item.action)
            wanted = again
            if again:
                await asyncio.sleep(_RETRY_SECONDS * self._chance.uniform(0.5, 1.5))

    def _wants_still(self, answer: Answer, stop: asyncio.Event) -> bool:
        match answer.outcome:
            case Outcome.ACCEPTED:
                self._tally.accepted += 1
                return False
            case Outcome.REFUSED:
                self._tally.refused += 1
                return not stop.is_set() and self._chance.random() < _INSISTENCE
            case Outcome.UNKNOWN:
                self._tally.unknown += 1
                return True

    async def _post(self, http: httpx.AsyncClient, wanted: Sequence[Wanted]) -> list[Answer]:
        body = wanted[0].body() if len(wanted) == 1 else {"executions": [item.body() for item in wanted]}
        try:
            response = await http.post(f"{self._urls[self._url]}/api/v1/executions", json=body)
        except httpx.TransportError:
            self._next_url()
            return [Answer(Outcome.UNKNOWN)] * len(wanted)
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._next_url()
            return [Answer(Outcome.UNKNOWN, response.status_code)] * len(wanted)
        data: Any = response.json().get("data")
        if data is None:
            return [Answer(Outcome.REFUSED, response.status_code)] * len(wanted)
        outcomes: list[Mapping[str, Any]] = [data] if len(wanted) == 1 else data
        return [_answer(each, response.status_code) for each in outcomes]

    async def _cancel(self, http: httpx.AsyncClient, item: Wanted, execution_id: int) -> None:
        self._recorder.record(CancelAsked(item.key, execution_id, time.time()))
        try:
            await http.post(f"{self._urls[self._url]}/api/v1/executions/{execution_id}/cancel")
        except httpx.TransportError:
            # Whether it was heard is for the history to show.
            self._next_url()

    async def _complete(self, http: httpx.AsyncClient, item: Wanted, execution_id: int) -> None:
        await asyncio.sleep(self._chance.uniform(0, _LOOKS_SECONDS))
        word = f"{self._name} says so of {item.key}"
        body: Mapping[str, Any] = self._chance.choice(
            ({"status": "failed", "error": word}, {"status": "succeeded", "result": {"by_hand": word}})
        )
        self._recorder.record(CompleteAsked(item.key, execution_id, body["status"], word, time.time()))
        if await self._done(http, f"executions/{execution_id}/complete", body) is not None:
            self._recorder.record(CompleteAnswered(item.key, word, time.time()))

    async def _purge(self, http: httpx.AsyncClient, action: str) -> None:
        self._purges += 1
        purge = f"{self._name}-purge-{self._purges}"
        self._recorder.record(PurgeAsked(purge, action, time.time()))
        report = await self._done(http, f"actions/{action}/purge", {"expected": _WHATEVER_WAITS})
        if report is not None:
            counts = report["cancelled"], report["remaining"], report["up_to"]
            self._recorder.record(PurgeAnswered(purge, *counts, time.time()))

    async def _done(self, http: httpx.AsyncClient, what: str, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What a request came to; None where it was refused, or where its answer was lost."""
        try:
            response = await http.post(f"{self._urls[self._url]}/api/v1/{what}", json=body)
        except httpx.TransportError:
            self._next_url()
            return None
        return response.json()["data"] if response.status_code == HTTPStatus.OK else None

    def _next_url(self) -> None:
        self._url = (self._url + 1) % len(self._urls)


def _answer(outcome: Mapping[str, Any], status: int) -> Answer:
    if "id" not in outcome:
        return Answer(Outcome.REFUSED, status)
    return Answer(Outcome.ACCEPTED, status, outcome["id"], outcome["queue_position"])
