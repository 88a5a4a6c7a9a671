"""Other executors over HTTP, at the URLs that they advertise."""

import ssl
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx

from attune_executor.domain.submission import Cancellation, ExecutionRequest, Receipt, Refusal
from attune_executor.domain.throughput import Throughput
from attune_executor.ports.peers import PeerError, Place
from attune_executor.wire.peers import (
    CANCEL,
    PLACE,
    SUBMIT,
    THROUGHPUT,
    PeerMessageError,
    decode_cancellation,
    decode_outcomes,
    decode_place,
    decode_throughput,
    encode,
)

_CONNECT_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 30.0
_PART_BYTES: Final = 512 * 1024


class HttpPeers:
    """Implements `attune_executor.ports.peers.Peers`; ``close`` it at the end.

    Args:
        secret: what the executors know each other by.
        ca_file: authorities of the certificates of those that speak HTTPS; None: those of the system.
    """

    def __init__(self, secret: str, ca_file: Path | None = None) -> None:
        # No proxy: these are the executors' own addresses.
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
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
            try:
                answers = decode_outcomes(await self._ask(f"{url}{SUBMIT}", encode(part)))
            except PeerMessageError as error:
                raise _not_understood(url, error) from error
            if len(answers) != len(part):
                raise PeerError(f"{url} gave {len(answers)} answers to {len(part)} requests")
            outcomes += answers
        return outcomes

    async def cancel(self, url: str, execution_id: int) -> Cancellation:
        """End an execution of a shard that is there."""
        try:
            return decode_cancellation(await self._ask(f"{url}{CANCEL}", encode(execution_id)))
        except PeerMessageError as error:
            raise _not_understood(url, error) from error

    async def place(self, url: str, execution_id: int) -> Place:
        """Where an execution of a shard that is there waits."""
        try:
            return decode_place(await self._ask(f"{url}{PLACE}", encode(execution_id)))
        except PeerMessageError as error:
            raise _not_understood(url, error) from error

    async def throughput(self, url: str, ref: str | None) -> Sequence[Throughput]:
        """What came and what ended in the shards that are there."""
        try:
            return decode_throughput(await self._ask(f"{url}{THROUGHPUT}", encode(ref)))
        except PeerMessageError as error:
            raise _not_understood(url, error) from error

    async def _ask(self, url: str, body: bytes) -> bytes:
        try:
            response = await self._http.post(url, content=body)
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


def _not_understood(url: str, error: PeerMessageError) -> PeerError:
    return PeerError(f"the executor at {url} is of another release, or none: {error}")
