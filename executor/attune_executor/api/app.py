"""The API put together."""

from importlib.metadata import version
from typing import Any, Final, Protocol

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from attune_executor.api import errors
from attune_executor.api.body_limit import BodyLimit
from attune_executor.api.executions import EXECUTIONS, executions_router
from attune_executor.api.listing import listing_router
from attune_executor.api.operations import operations_router
from attune_executor.api.queues import queues_router
from attune_executor.api.rate_limit import SubmissionGate, SubmissionLimit
from attune_executor.api.requests import SubmissionMany, SubmissionOne
from attune_executor.api.service import ExecutionService
from attune_executor.ports.history import ExecutionHistory

_NEVER_SENT: Final = ("HTTPValidationError", "ValidationError")


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
) -> FastAPI:
    """The HTTP API in front of ``service``; unless ``submissions`` says otherwise, as fast as requests come."""
    app = FastAPI(
        title="Attune executor",
        version=version("attune-executor"),
        description="Executions of actions, queued first in, first out under a concurrency limit for each action.",
        docs_url=None,  # the interactive pages load their scripts from the internet
        redoc_url=None,
    )
    app.include_router(executions_router(service, limits.max_batch))
    app.include_router(listing_router(history))
    app.include_router(queues_router(service))
    app.include_router(operations_router(service, limits.turn_stall_seconds))
    errors.install(app)
    app.add_middleware(BodyLimit, max_bytes=limits.max_body_bytes)
    if submissions is not None:
        app.add_middleware(SubmissionGate, path=EXECUTIONS, limit=submissions)
    app.openapi = lambda: openapi_document(app)
    return app


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of ``app``, with the bodies that its routes read by hand."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document["components"]["schemas"]
        for model in (SubmissionOne, SubmissionMany):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schema.pop("$defs", None)
            schemas[model.__name__] = schema
        # FastAPI describes a validation error of its own, for every route with a parameter, that is never sent.
        for name in _NEVER_SENT:
            schemas.pop(name, None)
        for operation in (each for path in document["paths"].values() for each in path.values()):
            if _NEVER_SENT[0] in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
        app.openapi_schema = document
    return app.openapi_schema
