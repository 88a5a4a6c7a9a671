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
from attune_executor.ports.checkup import ExecutorCheckup
from attune_executor.ports.peers import Place, QueuesThere
from attune_executor.wire.peers import (
    CANCEL,
    CHECKUP,
    COMPLETE,
    MAINTENANCE,
    PEER_PATH,
    PLACE,
    PURGE,
    QUEUES,
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
    decode_shards,
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

    async def queues(self, shards: Sequence[int]) -> QueuesThere:
        """The queues of those of these shards that are here."""
        ...

    async def checkup(self) -> ExecutorCheckup:
        """How it is with this executor."""
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


class _Answers:
    """What each question is answered with, as bytes."""

    def __init__(self, here: ShardsHere) -> None:
        self._here = here

    async def submit(self, body: bytes) -> bytes:
        return encode_outcomes(await self._here.submit(decode_requests(body)))

    async def cancel(self, body: bytes) -> bytes:
        return encode(await self._here.end(decode_execution_id(body), None))

    async def complete(self, body: bytes) -> bytes:
        return encode(await self._here.end(*decode_completion(body)))

    async def purge(self, body: bytes) -> bytes:
        return encode_purged(await self._here.purge(decode_purge_order(body)))

    async def stuck(self, body: bytes) -> bytes:
        return encode(await self._here.stuck(*decode_stuck_query(body)))

    async def place(self, body: bytes) -> bytes:
        return encode(await self._here.place(decode_execution_id(body)))

    async def queues(self, body: bytes) -> bytes:
        return encode(await self._here.queues(decode_shards(body)))

    async def checkup(self, _body: bytes) -> bytes:
        return encode(await self._here.checkup())

    async def throughput(self, body: bytes) -> bytes:
        return encode(await self._here.throughput(decode_ref(body)))

    async def maintenance(self, _body: bytes) -> bytes:
        return encode(await self._here.maintenance())

    async def run_maintenance(self, body: bytes) -> bytes:
        return encode(await self._here.run_maintenance(decode_task(body)))


def _router(here: ShardsHere) -> Router:
    answers = _Answers(here)
    questions = {
        SUBMIT: answers.submit,
        CANCEL: answers.cancel,
        COMPLETE: answers.complete,
        PURGE: answers.purge,
        STUCK: answers.stuck,
        PLACE: answers.place,
        QUEUES: answers.queues,
        CHECKUP: answers.checkup,
        THROUGHPUT: answers.throughput,
        MAINTENANCE: answers.maintenance,
        RUN_MAINTENANCE: answers.run_maintenance,
    }
    return Router([_route(path, answer) for path, answer in questions.items()])


def _route(path: str, answer: Callable[[bytes], Awaitable[bytes]]) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return Response(await answer(await request.body()), media_type="application/vnd.msgpack")
        except PeerMessageError as error:
            return PlainTextResponse(str(error), HTTPStatus.UNPROCESSABLE_ENTITY)
        except UnavailableError as error:
            return PlainTextResponse(str(error), HTTPStatus.SERVICE_UNAVAILABLE)

    return Route(path, endpoint, methods=["POST"])
