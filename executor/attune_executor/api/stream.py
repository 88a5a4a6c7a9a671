"""``GET /api/v1/stream``: the queues as server-sent events."""

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from attune_executor.api.access import Guard
from attune_executor.api.errors import ApiError, ErrorBody
from attune_executor.api.live import LONGEST_SECONDS, MOST_WATCHERS, LiveQueues
from attune_executor.ports.authorization import Verb

STREAM: Final = "/api/v1/stream"
_SLOW_SECONDS: Final = 20.0
"""How long a watcher may leave unread what it was sent, before it is dropped."""
_EVENT_STREAM: Final = "text/event-stream"
_EVENT: Final = {
    "type": "object",
    "description": "One event; `data` is JSON.",
    "properties": {"event": {"enum": ["picture", "changes"]}, "data": {"type": "string"}},
    "required": ["event", "data"],
}


class _EventStream(StreamingResponse):
    async def stream_response(self, send: Send) -> None:
        """Send until all is sent, or nobody reads it."""

        async def in_time(message: Message) -> None:
            async with asyncio.timeout(_SLOW_SECONDS):
                await send(message)

        with suppress(TimeoutError):
            await super().stream_response(in_time)


def stream_router(live: LiveQueues, guard: Guard) -> APIRouter:
    """``GET /api/v1/stream``."""
    router = APIRouter(tags=["queues"])

    @router.get(
        STREAM,
        summary="Every queue, live: server-sent events, first `picture` with all of it, then `changes` once a second",
        description="In `changes` stands only what is different; null for what is gone. Comments come at least every"
        " five seconds. The stream ends after `seconds`, or when the executor stops: ask again.",
        response_class=_EventStream,
        responses={
            200: {"description": "Server-sent events", "content": {_EVENT_STREAM: {"schema": _EVENT}}},
            422: {"description": "A parameter is not understood; the error names it", "model": ErrorBody},
            503: {"description": "As many watch as may", "model": ErrorBody},
        },
    )
    async def stream(
        request: Request,
        seconds: Annotated[
            int, Query(ge=0, le=LONGEST_SECONDS, description="How long to watch; 0 for the picture alone.")
        ] = LONGEST_SECONDS,
    ) -> StreamingResponse:
        await guard.require(request, Verb.LIST, [None])
        if live.watchers >= MOST_WATCHERS:
            raise ApiError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "unavailable",
                f"{live.watchers} watch already: close some dashboards, or ask /api/v1/queues now and then",
                headers={"Retry-After": "30"},
            )
        # No proxy is to keep any of it, nor to collect some of it first.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return _EventStream(live.messages(seconds), headers=headers, media_type=_EVENT_STREAM)

    return router
