"""What kubelet and Prometheus ask."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from attune_executor.api.access import Guard
from attune_executor.api.errors import ApiError, ErrorBody
from attune_executor.api.metrics import metrics_registry
from attune_executor.api.service import ExecutionService


def operations_router(
    service: ExecutionService, guard: Guard, turn_stall_seconds: float, collectors: Iterable[Collector] = ()
) -> APIRouter:
    """``/livez``, ``/readyz`` and ``/metrics``, the latter with what ``collectors`` add."""
    router = APIRouter(tags=["operations"])
    registry = metrics_registry(service, collectors)

    @router.get(
        "/livez",
        summary="Whether turns are being made: the age of the last one, not merely an answer",
        responses={503: {"description": "The last turn is too old", "model": ErrorBody}},
    )
    async def livez() -> dict[str, float]:
        age = service.health().last_turn_age_seconds
        if age > turn_stall_seconds:
            raise ApiError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "stalled",
                f"The last turn is {age:.0f} s old, over {turn_stall_seconds:.0f} s: restart the executor",
            )
        return {"last_turn_age_seconds": round(age, 3)}

    @router.get(
        "/readyz",
        summary="Whether executions are accepted now",
        responses={503: {"description": "Starting, stopping, or database or broker away", "model": ErrorBody}},
    )
    async def readyz() -> dict[str, str]:
        health = service.health()
        if not health.serving or not health.broker_connected:
            reason = health.detail if not health.serving else "message broker away"
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", f"Not ready: {reason}")
        return {"status": health.detail}

    @router.get("/metrics", summary="Metrics for Prometheus", response_class=PlainTextResponse)
    async def metrics(request: Request, accept: Annotated[str, Header()] = "") -> Response:
        await guard.require_metrics(request)
        encode, content_type = choose_encoder(accept)
        # In a thread, since a thousand queues take longer than a turn may be held up.
        return Response(await run_in_threadpool(encode, registry), media_type=content_type)

    return router
