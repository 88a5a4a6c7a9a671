"""A caller of the executor's API that means it: it retries until each execution is accepted, under a key of its own."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

import httpx

from testbed.attune.callers import bearer

_FULL_QUEUE_SECONDS = 1.0


class Way(Protocol):
    """How to reach the API; may block while it is looked for, such as a PortForward."""

    def url(self) -> str:
        """The base URL, as far as is known."""
        ...

    def lost(self, url: str) -> None:
        """Say that `url` does not answer."""
        ...


@dataclass(frozen=True)
class Wanted:
    """An execution that a caller wants, and the key that makes it one execution however often it is asked for."""

    action_ref: str
    parameters: Mapping[str, Any]
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    def body(self) -> dict[str, Any]:
        """The request as the API takes it."""
        return {"action_ref": self.action_ref, "parameters": self.parameters, "idempotency_key": self.key}


class Refused(RuntimeError):  # noqa: N818 - an answer, not an error of the program
    """The API refused an execution for good."""


class Caller:
    """Submits executions, whatever becomes of the way to the API meanwhile.

    Args:
        token: shown to the API, where it asks for one.
    """

    def __init__(self, way: Way, token: str | None = None) -> None:
        self._way = way
        self._http = httpx.AsyncClient(timeout=30, headers=bearer(token) if token else None)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, path: str) -> Any:
        """The `data` of a GET, asked for until it is answered."""
        return (await self._request("GET", path, None))["data"]

    async def submit(self, wanted: Sequence[Wanted]) -> dict[str, int]:
        """Have every execution accepted; returns ids by key.

        Raises:
            Refused: one of them will never be.
        """
        ids: dict[str, int] = {}
        still_wanted = list(wanted)
        while still_wanted:
            answer = await self._request(
                "POST", "/api/v1/executions", {"executions": [item.body() for item in still_wanted]}
            )
            turned_away: list[Wanted] = []
            for item, outcome in zip(still_wanted, answer["data"], strict=True):
                if "id" in outcome:
                    ids[item.key] = outcome["id"]
                elif outcome["code"] == "queue_full":
                    turned_away.append(item)
                else:
                    raise Refused(f"{item.action_ref}: {outcome['error']}")
            if turned_away:
                await asyncio.sleep(_FULL_QUEUE_SECONDS)
            still_wanted = turned_away
        return ids

    async def post_one(self, wanted: Wanted) -> httpx.Response:
        """Ask for one execution; returns the answer, whatever it is."""
        return await self._send("POST", "/api/v1/executions", wanted.body())

    async def _request(self, method: str, path: str, body: object) -> Any:
        """An answer with `data`.

        Raises:
            Refused: the answer is an error.
        """
        response = await self._send(method, path, body)
        answer = response.json()
        if "data" not in answer:
            raise Refused(f"{method} {path}: {response.status_code} {answer}")
        return answer

    async def _send(self, method: str, path: str, body: object) -> httpx.Response:
        """The answer of an API that is there and has its database, however long that takes."""
        while True:
            url = await asyncio.to_thread(self._way.url)
            try:
                response = await self._http.request(method, url + path, json=body)
            except httpx.TransportError:
                await asyncio.to_thread(self._way.lost, url)
                continue
            if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                return response
            await asyncio.sleep(float(response.headers["Retry-After"]))
