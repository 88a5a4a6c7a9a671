"""What becomes of a submission, as the API answers it: models for the documentation, and the mapping from outcomes."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, Field

from attune_executor.api import fields
from attune_executor.api.errors import ErrorBody
from attune_executor.domain.submission import Receipt, Refusal, RefusalCode

_STATUS: Final = {
    RefusalCode.UNKNOWN_ACTION: HTTPStatus.NOT_FOUND,
    RefusalCode.ACTION_DISABLED: HTTPStatus.CONFLICT,
    RefusalCode.QUEUE_FULL: HTTPStatus.TOO_MANY_REQUESTS,
}


class AcceptedExecution(BaseModel):
    """An execution that was accepted and is durable."""

    id: fields.ExecutionId
    action_ref: fields.ActionRef
    status: str = Field(description="requested while it waits, scheduled once it is on its way to a worker.")
    queue_position: int = Field(description="Its place in the queue, from 1 at the head; 0 once it has left it.")
    duplicate: bool = Field(description="Whether the idempotency key had been accepted before.")


class AcceptedOne(BaseModel):
    """The answer to a single execution."""

    data: AcceptedExecution = Field(description="The execution that was accepted.")


class AcceptedMany(BaseModel):
    """The answer to a batch: an outcome for each execution, in order. An outcome with `code` was refused."""

    data: list[AcceptedExecution | ErrorBody] = Field(description="As many as were submitted.")


class RefusedMany(ErrorBody):
    """The answer to a batch of which all was refused for the same reason: `data` has an outcome for each."""

    data: list[ErrorBody] = Field(description="As many as were submitted, in their order.")


def status_of(refusal: Refusal) -> HTTPStatus:
    """The HTTP status that says it."""
    return _STATUS[refusal.code]


def outcome(result: Receipt | Refusal) -> dict[str, Any]:
    """A receipt or refusal as JSON data."""
    if isinstance(result, Refusal):
        details: dict[str, Any] = {"action_ref": result.action_ref}
        if result.retry_after_seconds is not None:
            details["retry_after_seconds"] = result.retry_after_seconds
        return {"error": result.message, "code": result.code.value, "details": details}
    return {
        "id": result.execution_id,
        "action_ref": result.action_ref,
        "status": result.status.value,
        "queue_position": result.queue_position,
        "duplicate": result.duplicate,
    }


def batch_status(results: Sequence[Receipt | Refusal]) -> HTTPStatus:
    """201 when all were accepted, the refusals' own when all were refused alike, 207 for a mixture."""
    statuses = {status_of(item) if isinstance(item, Refusal) else HTTPStatus.CREATED for item in results}
    return statuses.pop() if len(statuses) == 1 else HTTPStatus.MULTI_STATUS


def batch(results: Sequence[Receipt | Refusal]) -> dict[str, Any]:
    """The outcomes of a batch as JSON data, an error as a whole where all were refused for one reason."""
    outcomes = [outcome(result) for result in results]
    codes = {result.code if isinstance(result, Refusal) else None for result in results}
    first = results[0]
    if len(codes) > 1 or not isinstance(first, Refusal):
        return {"data": outcomes}
    return {
        "error": f"All {len(results)} refused: {first.message}",
        "code": first.code.value,
        "details": {"refused": len(results)},
        "data": outcomes,
    }


def retry_after(results: Sequence[Receipt | Refusal]) -> dict[str, str]:
    """A Retry-After header where waiting can help with any of them."""
    waits = [item.retry_after_seconds for item in results if isinstance(item, Refusal) and item.retry_after_seconds]
    return {"Retry-After": str(max(waits))} if waits else {}
