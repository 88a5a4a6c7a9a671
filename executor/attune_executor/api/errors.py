"""One shape for every error: ``{"error", "code", "details"}``."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from attune_executor.engine.views import UnavailableError

UNAVAILABLE_RETRY_SECONDS = 2
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


class ErrorBody(BaseModel):
    """What every error looks like."""

    error: str = Field(description="What is wrong, and what to do about it, for people.")
    code: str = Field(description="What is wrong, for programs; stable.")
    details: dict[str, Any] | None = Field(default=None, description="What is known beyond that.")


class ApiError(Exception):
    """An answer other than success."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        error: str,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.body = ErrorBody(error=error, code=code, details=dict(details) if details else None)
        self.headers = headers

    def response(self) -> JSONResponse:
        """The error as sent."""
        return JSONResponse(self.body.model_dump(), self.status, self.headers)


def unavailable(reason: str) -> ApiError:
    """503: nothing is known to be accepted, and asking again can help."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        f"Not available now ({reason}): try again, with the same Idempotency-Key",
        headers={"Retry-After": str(UNAVAILABLE_RETRY_SECONDS)},
    )


def unknown_action(ref: str) -> ApiError:
    """404: no policy ever declared it."""
    return ApiError(
        HTTPStatus.NOT_FOUND,
        "unknown_action",
        f"Unknown action {ref!r}: no policy ever declared it; /api/v1/queues lists those that are known",
        details={"action_ref": ref},
    )


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` in this shape."""

    async def on_api_error(_request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)  # noqa: S101 - Starlette calls by type; this tells the type checker
        return error.response()

    async def on_unavailable(_request: Request, error: Exception) -> Response:
        return unavailable(str(error)).response()

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - as above
        status = HTTPStatus(error.status_code)
        code = status.phrase.lower().replace(" ", "_")
        headers = error.headers
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers = {"Allow": ", ".join(_methods(app, request))}
        return ApiError(status, code, error.detail or status.phrase, headers=headers).response()

    async def on_invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        problems = [(".".join(str(part) for part in item["loc"][1:]), item["msg"]) for item in error.errors()]
        return invalid("; ".join(f"{field}: {problem}" for field, problem in problems), problems[0][0]).response()

    async def on_defect(request: Request, error: Exception) -> Response:
        # Starlette raises it again for the server's log once this is sent.
        del request, error
        return ApiError(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "internal_error",
            "The executor failed on this request, and its log says why: please report it",
        ).response()

    app.add_exception_handler(ApiError, on_api_error)
    app.add_exception_handler(UnavailableError, on_unavailable)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(Exception, on_defect)


def _methods(app: FastAPI, request: Request) -> list[str]:
    """What the path of ``request`` can be asked by; Starlette names the methods of its first route alone."""
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in app.routes)
    ]


def invalid(error: str, field: str | None = None) -> ApiError:
    """422: the request is not understood; the text names the field and so do the details, where it is one."""
    details = None if field is None else {"field": field}
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", error, details=details)
