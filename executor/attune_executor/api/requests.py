"""The body of a submission, from bytes to requests. Parameters stay the bytes they are: never parsed into objects."""

from typing import Any, Final

from msgspec import UNSET, Raw, Struct, UnsetType, ValidationError, json
from pydantic import BaseModel, ConfigDict, Field

from attune_executor.api.errors import invalid
from attune_executor.api.json_body import decoded
from attune_executor.domain.submission import ExecutionRequest
from attune_executor.wire.requests import (
    KEY_PATTERN,
    MAX_KEY_LENGTH,
    NO_PARAMETERS,
    TEXT_PATTERN,
    ActionRef,
    Key,
    RequestedExecution,
    parameters_flaw,
)


class _Body(Struct, forbid_unknown_fields=True):
    """One execution, or many: a union that is told apart by its keys, for one pass over the bytes."""

    action_ref: ActionRef | UnsetType = UNSET
    parameters: Raw | UnsetType = UNSET
    idempotency_key: Key | UnsetType | None = UNSET
    executions: list[RequestedExecution] | UnsetType = UNSET


_decoder: Final = json.Decoder(_Body)
_key_decoder: Final = json.Decoder(Key)


class SubmissionOne(BaseModel):
    """Run one action once."""

    model_config = ConfigDict(extra="forbid")

    action_ref: str = Field(
        min_length=1,
        max_length=253,
        description="The action to run.",
        examples=["core.http.get"],
        json_schema_extra={"pattern": TEXT_PATTERN},
    )
    parameters: dict[str, Any] = Field(default_factory=dict[str, Any], description="What the action is given.")
    idempotency_key: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_KEY_LENGTH,
        description="However often it is submitted under one key, it is one execution.",
        json_schema_extra={"pattern": KEY_PATTERN},
    )


class SubmissionMany(BaseModel):
    """Run several actions; each is accepted or refused by itself, in this order."""

    model_config = ConfigDict(extra="forbid")

    executions: list[SubmissionOne] = Field(min_length=1, description="Up to `api.max_batch` of them.")


def read_submission(body: bytes, header_key: str | None, max_batch: int) -> tuple[list[ExecutionRequest], bool]:
    """The requests of a body, and whether it was a batch.

    Args:
        body: JSON in UTF-8.
        header_key: the Idempotency-Key header; only for a single execution.
        max_batch: executions that a body may hold.

    Raises:
        ApiError: 422, naming the field.
    """
    parsed = decoded(_decoder, body)
    if isinstance(parsed.executions, UnsetType):
        if isinstance(parsed.action_ref, UnsetType):
            raise invalid("Object missing required field `action_ref`, or `executions` for a batch", "action_ref")
        key = None if isinstance(parsed.idempotency_key, UnsetType) else parsed.idempotency_key
        if key and header_key and key != header_key:
            raise invalid("The Idempotency-Key header and idempotency_key differ: send one of them", "idempotency_key")
        parameters = NO_PARAMETERS if isinstance(parsed.parameters, UnsetType) else bytes(parsed.parameters)
        return [_request(parsed.action_ref, parameters, key or _checked_key(header_key), "parameters")], False
    if not all(
        isinstance(field, UnsetType) for field in (parsed.action_ref, parsed.parameters, parsed.idempotency_key)
    ):
        raise invalid("Object has `executions` and fields of a single execution: send one or the other", "executions")
    if header_key is not None:
        raise invalid(
            "An Idempotency-Key header is for one execution: give each of `executions` its idempotency_key",
            "Idempotency-Key",
        )
    if not 1 <= len(parsed.executions) <= max_batch:
        raise invalid(
            f"`executions` has {len(parsed.executions)} entries: send 1 to {max_batch} at a time", "executions"
        )
    return [
        _request(item.action_ref, bytes(item.parameters), item.idempotency_key, f"executions[{index}].parameters")
        for index, item in enumerate(parsed.executions)
    ], True


def _request(action_ref: str, parameters: bytes, key: str | None, field: str) -> ExecutionRequest:
    parameters = parameters.strip()
    if (problem := parameters_flaw(parameters)) is not None:
        raise invalid(f"{problem} - at `$.{field}`", field)
    return ExecutionRequest(action_ref, parameters, key)


def _checked_key(key: str | None) -> str | None:
    if key is None:
        return None
    try:
        return _key_decoder.decode(json.encode(key))
    except ValidationError as error:
        raise invalid(f"Idempotency-Key: {error}", "Idempotency-Key") from error
