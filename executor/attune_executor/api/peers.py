"""What executors that share the shards ask of each other, beside the API and no part of it."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from attune_executor.api.body_limit import BodyLimit
from attune_executor.domain.execution import Ending
from attune_executor.domain.maintenance import Task, TaskReport
from attune_executor.domain.purge import PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.stuck import StuckExecution, StuckQuery
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.domain.throughput import Throughput
from attune_executor.engine.views import UnavailableError
from attune_executor.ports.peers import Place
from attune_executor.wire.peers import (
    CANCEL,
    COMPLETE,
    MAINTENANCE,
    PEER_PATH,
    PLACE,
    PURGE,
    RUN_MAINTENANCE,
    STUCK,
    SUBMIT,
    THROUGHPUT,
    PeerMessageError,
    decode_completion,
    decode_execution_id,
    decode_purge_order,
    decode_ref,
    decode_requests,
    decode_stuck_query,
    decode_task,
    encode,
    encode_outcomes,
    encode_purged,
)

# Requests come in parts of half a megabyte, unless one alone is larger.
_FRAME_BYTES: Final = 1024 * 1024
_STRANGER: Final = PlainTextResponse(
    "not an executor of this database", HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": "Bearer", "Connection": "close"}
)


class ShardsHere(Protocol):
    """What this executor does for others; where the shard is not here, each raises UnavailableError."""

    async def submit(self, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
        """Accept or refuse."""
        ...

    async def end(self, execution_id: int, ending: Ending | None) -> Intervention:
        """Cancel an execution, or end it as ``ending`` says."""
        ...

    async def purge(self, order: PurgeOrder) -> PurgeReport | PurgeRefused | None:
        """Cancel what waits for an action."""
        ...

    async def stuck(self, query: StuckQuery, shards: Sequence[int]) -> Sequence[StuckExecution]:
        """Executions that nothing was heard of for long."""
        ...

    async def place(self, execution_id: int) -> Place:
        """Where an execution waits."""
        ...

    async def throughput(self, ref: str | None) -> Sequence[Throughput]:
        """What came and what ended in the shards that are here."""
        ...

    async def maintenance(self) -> Sequence[TaskReport]:
        """How the tasks of maintenance stand."""
        ...

    async def run_maintenance(self, task: Task) -> TaskReport:
        """Have a task run now, unless it is switched off."""
        ...


class PeerGate:
    """ASGI middleware: answers other executors itself and passes everything else on.

    Args:
        secret: what the executors know each other by; who does not know it is answered 401.
        max_body_bytes: the longest body that the API takes.
    """

    def __init__(self, app: ASGIApp, here: ShardsHere, secret: str, max_body_bytes: int) -> None:
        self._app = app
        self._secret = f"Bearer {secret}".encode()
        self._peers = BodyLimit(_router(here), max_body_bytes + _FRAME_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose by the path."""
        if scope["type"] != "http" or not scope["path"].startswith(f"{PEER_PATH}/"):
            await self._app(scope, receive, send)
        elif hmac.compare_digest(dict(scope["headers"]).get(b"authorization", b""), self._secret):
            await self._peers(scope, receive, send)
        else:
            await _STRANGER(scope, receive, send)


def _router(here: ShardsHere) -> Router:
    async def submit(body: bytes) -> bytes:
        return encode_outcomes(await here.submit(decode_requests(body)))

    async def cancel(body: bytes) -> bytes:
        return encode(await here.end(decode_execution_id(body), None))

    async def complete(body: bytes) -> bytes:
        return encode(await here.end(*decode_completion(body)))

    async def purge(body: bytes) -> bytes:
        return encode_purged(await here.purge(decode_purge_order(body)))

    async def stuck(body: bytes) -> bytes:
        return encode(await here.stuck(*decode_stuck_query(body)))

    async def place(body: bytes) -> bytes:
        return encode(await here.place(decode_execution_id(body)))

    async def throughput(body: bytes) -> bytes:
        return encode(await here.throughput(decode_ref(body)))

    async def maintenance(_body: bytes) -> bytes:
        return encode(await here.maintenance())

    async def run_maintenance(body: bytes) -> bytes:
        return encode(await here.run_maintenance(decode_task(body)))

    answers = {
        SUBMIT: submit,
        CANCEL: cancel,
        COMPLETE: complete,
        PURGE: purge,
        STUCK: stuck,
        PLACE: place,
        THROUGHPUT: throughput,
        MAINTENANCE: maintenance,
        RUN_MAINTENANCE: run_maintenance,
    }
    return Router([_route(path, answer) for path, answer in answers.items()])


def _route(path: str, answer: Callable[[bytes], Awaitable[bytes]]) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return Response(await answer(await request.body()), media_type="application/vnd.msgpack")
        except PeerMessageError as error:
            return PlainTextResponse(str(error), HTTPStatus.UNPROCESSABLE_ENTITY)
        except UnavailableError as error:
            return PlainTextResponse(str(error), HTTPStatus.SERVICE_UNAVAILABLE)

    return Route(path, endpoint, methods=["POST"])
