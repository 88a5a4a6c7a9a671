"""The API put together."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, Final, Protocol

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from prometheus_client.registry import Collector

from attune_executor.api import errors
from attune_executor.api.access import OPEN_PATHS, AuthenticationGate, Guard
from attune_executor.api.body_limit import BodyLimit
from attune_executor.api.checkup import Examine, checkup_router, examine_nothing
from attune_executor.api.dashboard import dashboard_router
from attune_executor.api.ending import FailedByHand, SucceededByHand, ending_router
from attune_executor.api.executions import EXECUTIONS, executions_router
from attune_executor.api.growth import AbsentGrowth, growth_router
from attune_executor.api.listing import listing_router
from attune_executor.api.live import AbsentQueues, LiveQueues
from attune_executor.api.maintenance import maintenance_router
from attune_executor.api.operations import operations_router
from attune_executor.api.permissions import permissions_router
from attune_executor.api.purging import PurgeWanted, purging_router
from attune_executor.api.queues import queues_router
from attune_executor.api.rate_limit import SubmissionGate, SubmissionLimit
from attune_executor.api.requests import SubmissionMany, SubmissionOne
from attune_executor.api.scaling import scaling_router
from attune_executor.api.service import ExecutionService
from attune_executor.api.stream import stream_router
from attune_executor.api.stuck import stuck_router
from attune_executor.api.throughput import throughput_router
from attune_executor.api.waiting import waiting_router
from attune_executor.ports.authorization import Authorizer
from attune_executor.ports.growth import GrowthHistory
from attune_executor.ports.history import ExecutionHistory
from attune_executor.ports.scaling_history import ScalingHistory

_READ_BY_HAND: Final = (SubmissionOne, SubmissionMany, FailedByHand, SucceededByHand, PurgeWanted)
_NEVER_SENT: Final = ("HTTPValidationError", "ValidationError")
_BEARER: Final = "bearer"
_ERROR: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}
_GUARDED: Final = {
    "401": {"description": "No valid bearer token", "content": _ERROR},
    "403": {"description": "The caller may not do this", "content": _ERROR},
    "503": {"description": "Who calls, or what they may do, cannot be found out now", "content": _ERROR},
}


class ApiLimits(Protocol):
    """The part of the configuration that the API itself needs."""

    @property
    def max_body_bytes(self) -> int:
        """Longest request body."""
        ...

    @property
    def max_batch(self) -> int:
        """Executions that one request may submit."""
        ...

    @property
    def turn_stall_seconds(self) -> float:
        """Age of the last turn beyond which ``/livez`` fails."""
        ...


def create_api(
    service: ExecutionService,
    limits: ApiLimits,
    submissions: SubmissionLimit | None = None,
    *,
    history: ExecutionHistory,
    authorizer: Authorizer,
    live: LiveQueues | None = None,
    scaling: ScalingHistory | None = None,
    collectors: Iterable[Collector] = (),
    examine: Examine = examine_nothing,
    growth: GrowthHistory | None = None,
) -> FastAPI:
    """The HTTP API in front of ``service``; unless ``submissions`` says otherwise, as fast as requests come.

    ``live`` is what those who watch are shown, and whoever made it runs it; unless given, there is nothing to see.
    ``collectors`` add to the metrics of queues and process; ``examine`` looks into the executor for its health,
    ``growth`` back over days.
    """
    live = live or LiveQueues(AbsentQueues())
    guard = Guard(authorizer)
    app = FastAPI(
        title="Attune executor",
        version=version("attune-executor"),
        description="Executions of actions, queued first in, first out under a concurrency limit for each action.",
        docs_url=None,  # the interactive pages load their scripts from the internet
        redoc_url=None,
    )
    app.include_router(stuck_router(service, guard))
    app.include_router(executions_router(service, guard, limits.max_batch))
    app.include_router(ending_router(service, guard))
    app.include_router(listing_router(history, guard))
    app.include_router(queues_router(service, guard))
    app.include_router(throughput_router(service, guard))
    app.include_router(growth_router(service, growth or AbsentGrowth(), guard))
    app.include_router(checkup_router(examine, guard))
    app.include_router(maintenance_router(service, guard))
    app.include_router(waiting_router(history, live, guard))
    app.include_router(stream_router(live, guard))
    app.include_router(permissions_router(guard))
    app.include_router(dashboard_router())
    app.include_router(purging_router(service, guard))
    app.include_router(operations_router(service, guard, limits.turn_stall_seconds, collectors))
    if scaling is not None:
        app.include_router(scaling_router(scaling, guard))
    errors.install(app)
    app.add_middleware(BodyLimit, max_bytes=limits.max_body_bytes)
    if submissions is not None:
        app.add_middleware(SubmissionGate, path=EXECUTIONS, limit=submissions)
    # The last one added is the first that a request meets: what nobody known sends uses up no limit.
    app.add_middleware(AuthenticationGate, authorizer=authorizer)
    app.openapi = lambda: openapi_document(app)
    return app


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of ``app``, with what its routes read by hand and what its gates answer."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document["components"]["schemas"]
        for model in _READ_BY_HAND:
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schema.pop("$defs", None)
            schemas[model.__name__] = schema
        # FastAPI describes a validation error of its own, for every route with a parameter, that is never sent.
        for name in _NEVER_SENT:
            schemas.pop(name, None)
        document["components"]["securitySchemes"] = {_BEARER: {"type": "http", "scheme": "bearer"}}
        for path, operation in ((path, each) for path, item in document["paths"].items() for each in item.values()):
            if _NEVER_SENT[0] in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
            if path not in OPEN_PATHS:
                operation["security"] = [{_BEARER: []}]
                operation["responses"] = _GUARDED | operation["responses"]
        app.openapi_schema = document
    return app.openapi_schema
