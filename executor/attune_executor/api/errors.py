"""One shape for every error: ``{"error", "code", "details"}``."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from attune_executor.engine.views import UnavailableError

UNAVAILABLE_RETRY_SECONDS = 2


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
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.body = ErrorBody(error=error, code=code, details=dict(details) if details else None)
        self.retry_after_seconds = retry_after_seconds

    def response(self) -> JSONResponse:
        """The error as sent."""
        headers = {} if self.retry_after_seconds is None else {"Retry-After": str(self.retry_after_seconds)}
        return JSONResponse(self.body.model_dump(), self.status, headers)


def unavailable(reason: str) -> ApiError:
    """503: nothing is known to be accepted, and asking again can help."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        f"Not available now ({reason}): try again, with the same Idempotency-Key",
        retry_after_seconds=UNAVAILABLE_RETRY_SECONDS,
    )


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` in this shape."""

    async def on_api_error(_request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)  # noqa: S101 - Starlette calls by type; this tells the type checker
        return error.response()

    async def on_unavailable(_request: Request, error: Exception) -> Response:
        return unavailable(str(error)).response()

    async def on_http_error(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - as above
        status = HTTPStatus(error.status_code)
        response = ApiError(status, status.phrase.lower().replace(" ", "_"), error.detail or status.phrase).response()
        response.headers.update(error.headers or {})
        return response

    async def on_invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        problems = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        return invalid("; ".join(problems)).response()

    app.add_exception_handler(ApiError, on_api_error)
    app.add_exception_handler(UnavailableError, on_unavailable)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid)


def invalid(error: str) -> ApiError:
    """422: the request is not understood; the text names the field."""
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", error)
