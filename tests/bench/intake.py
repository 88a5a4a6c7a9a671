"""Puts load on the API: batches over a few connections that stay open, each sending its next batch when the last one is
accepted."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import Any

import httpx
import orjson

BATCH = 1000
CONNECTIONS = 4
_PATH = "/api/v1/executions"
_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Submitted:
    """When a submission began and was accepted as a whole, by this machine's monotonic clock."""

    started: float
    accepted: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.accepted - self.started


class NotAcceptedError(RuntimeError):
    """The API did not accept everything: what was measured is not what was meant."""


def submit(
    url: str,
    executions: Iterable[dict[str, Any]],
    *,
    connections: int = CONNECTIONS,
    batch: int = BATCH,
    headers: Mapping[str, str] | None = None,
) -> Submitted:
    """Have all these executions accepted; `headers` are those that say who asks.

    Raises:
        NotAcceptedError: any of them was not.
    """
    return asyncio.run(_submit(url, _bodies(executions, batch), connections, headers or {}))


async def submit_one(http: httpx.AsyncClient, url: str, execution: dict[str, Any]) -> int:
    """Have one execution accepted; returns the monotonic nanoseconds right before it was sent.

    Raises:
        NotAcceptedError: it was not.
    """
    sent = time.monotonic_ns()
    response = await http.post(f"{url}{_PATH}", content=orjson.dumps(execution))
    _check(response)
    return sent


def client(connections: int = CONNECTIONS) -> httpx.AsyncClient:
    """A client that keeps its connections, past any proxy of the environment."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.AsyncClient(
        limits=limits,
        timeout=_TIMEOUT_SECONDS,
        trust_env=False,
        headers={"Content-Type": "application/json"},
    )


def _bodies(executions: Iterable[dict[str, Any]], batch: int) -> Iterator[bytes]:
    rest = iter(executions)
    while chunk := list(islice(rest, batch)):
        yield orjson.dumps({"executions": chunk})


async def _submit(url: str, bodies: Iterator[bytes], connections: int, headers: Mapping[str, str]) -> Submitted:
    async with client(connections) as http:
        http.headers.update(headers)
        first: Sequence[bytes] = list(islice(bodies, connections))
        started = time.monotonic()

        async def send(body: bytes | None) -> None:
            while body is not None:
                _check(await http.post(f"{url}{_PATH}", content=body))
                body = next(bodies, None)

        async with asyncio.TaskGroup() as group:
            for body in first:
                group.create_task(send(body))
        return Submitted(started, time.monotonic())


def _check(response: httpx.Response) -> None:
    if response.status_code != HTTPStatus.CREATED:
        raise NotAcceptedError(f"{response.status_code}: {response.text[:500]}")
