"""Other executors over HTTP, at the URLs that they advertise."""

import ssl
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeVar

import httpx

from attune_executor.domain.execution import Ending
from attune_executor.domain.maintenance import Task, TaskReport
from attune_executor.domain.purge import PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.stuck import StuckExecution, StuckQuery
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.domain.throughput import Throughput
from attune_executor.ports.checkup import ExecutorCheckup
from attune_executor.ports.peers import PeerError, Place, QueuesThere
from attune_executor.wire.peers import (
    CANCEL,
    CHECKUP,
    COMPLETE,
    MAINTENANCE,
    PLACE,
    PURGE,
    QUEUES,
    RUN_MAINTENANCE,
    STUCK,
    SUBMIT,
    THROUGHPUT,
    PeerMessageError,
    decode_checkup,
    decode_intervention,
    decode_outcomes,
    decode_place,
    decode_purged,
    decode_queues,
    decode_report,
    decode_reports,
    decode_stuck,
    decode_throughput,
    encode,
)

_CONNECT_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 2.0
"""To look at the queues, which is done again every second."""
_CHECKUP_SECONDS: Final = 10.0
"""Somebody waits for it, and one that takes as long is ill."""
_PART_BYTES: Final = 512 * 1024

_Answer = TypeVar("_Answer")


class HttpPeers:
    """Implements `attune_executor.ports.peers.Peers`; ``close`` it at the end.

    Args:
        secret: what the executors know each other by.
        ca_file: authorities of the certificates of those that speak HTTPS; None: those of the system.
    """

    def __init__(self, secret: str, ca_file: Path | None = None) -> None:
        # No proxy: these are the executors' own addresses.
        self._http = httpx.AsyncClient(
            trust_env=False,
            headers={"Authorization": f"Bearer {secret}"},
            verify=ssl.create_default_context(cafile=ca_file),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def submit(self, url: str, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
        """Accept or refuse requests, in order, in messages of bounded size one after the other."""
        outcomes: list[Receipt | Refusal] = []
        for part in _parts(requests):
            answers = await self._answer(url, SUBMIT, part, decode_outcomes)
            if len(answers) != len(part):
                raise PeerError(f"{url} gave {len(answers)} answers to {len(part)} requests")
            outcomes += answers
        return outcomes

    async def cancel(self, url: str, execution_id: int) -> Intervention:
        """Cancel an execution of a shard that is there."""
        return await self._answer(url, CANCEL, execution_id, decode_intervention)

    async def complete(self, url: str, execution_id: int, ending: Ending) -> Intervention:
        """End an execution of a shard that is there, as ``ending`` says."""
        return await self._answer(url, COMPLETE, (execution_id, ending), decode_intervention)

    async def purge(self, url: str, order: PurgeOrder) -> PurgeReport | PurgeRefused | None:
        """Cancel what waits for an action of a shard that is there; None where the action is unknown."""
        return await self._answer(url, PURGE, order, decode_purged)

    async def stuck(self, url: str, query: StuckQuery, shards: Sequence[int]) -> Sequence[StuckExecution]:
        """Executions of shards that are there that nothing was heard of for long, the oldest first."""
        return await self._answer(url, STUCK, (query, shards), decode_stuck)

    async def place(self, url: str, execution_id: int) -> Place:
        """Where an execution of a shard that is there waits."""
        return await self._answer(url, PLACE, execution_id, decode_place)

    async def queues(self, url: str, shards: Sequence[int]) -> QueuesThere:
        """The queues of those of these shards that are there."""
        return await self._answer(url, QUEUES, shards, decode_queues, _LOOK_SECONDS)

    async def checkup(self, url: str) -> ExecutorCheckup:
        """How it is with an executor and the shards that are there."""
        return await self._answer(url, CHECKUP, None, decode_checkup, _CHECKUP_SECONDS)

    async def throughput(self, url: str, ref: str | None) -> Sequence[Throughput]:
        """What came and what ended in the shards that are there."""
        return await self._answer(url, THROUGHPUT, ref, decode_throughput)

    async def maintenance(self, url: str) -> Sequence[TaskReport]:
        """How the tasks of maintenance stand that are done there."""
        return await self._answer(url, MAINTENANCE, None, decode_reports)

    async def run_maintenance(self, url: str, task: Task) -> TaskReport:
        """Have a task run there now, unless it is switched off."""
        return await self._answer(url, RUN_MAINTENANCE, task, decode_report)

    async def _answer(
        self,
        url: str,
        path: str,
        question: object,
        decode: Callable[[bytes], _Answer],
        seconds: float = _ANSWER_SECONDS,
    ) -> _Answer:
        try:
            return decode(await self._ask(f"{url}{path}", encode(question), seconds))
        except PeerMessageError as error:
            raise PeerError(f"the executor at {url} is of another release, or none: {error}") from error

    async def _ask(self, url: str, body: bytes, seconds: float) -> bytes:
        timeout = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
        try:
            response = await self._http.post(url, content=body, timeout=timeout)
        except httpx.HTTPError as error:
            raise PeerError(f"the executor at {url} does not answer: {error or type(error).__name__}") from error
        if response.status_code != HTTPStatus.OK:
            raise PeerError(f"the executor at {url} cannot answer: {response.status_code} {response.text}")
        return response.content


def _parts(requests: Sequence[ExecutionRequest]) -> Iterator[list[ExecutionRequest]]:
    part: list[ExecutionRequest] = []
    size = 0
    for request in requests:
        if part and size + len(request.parameters) > _PART_BYTES:
            yield part
            part, size = [], 0
        part.append(request)
        size += len(request.parameters)
    yield part
