"""Executions that a client requests, and what both ways in, AMQP and HTTP, take for one."""

from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Raw, Struct, ValidationError, convert, json

from attune_executor.domain.submission import ExecutionRequest
from attune_executor.wire.envelope import UNREADABLE, MalformedMessageError, WireMessage, seal, unseal
from attune_executor.wire.storable import flaw

NO_PARAMETERS: Final = b"{}"
MAX_KEY_LENGTH: Final = 255
DERIVED_KEY_PREFIX: Final = "amqp:"
"""Keys that are derived from a message begin with it, and no key that a client names may."""
_MAX_MESSAGE_ID_LENGTH: Final = 200

# What a database text can hold: everything but control characters, NUL above all.
TEXT_PATTERN: Final = r"^[^\x00-\x1f\x7f]*$"
KEY_PATTERN: Final = f"^(?!{DERIVED_KEY_PREFIX}){TEXT_PATTERN[1:]}"

ActionRef: TypeAlias = Annotated[str, Meta(min_length=1, max_length=253, pattern=TEXT_PATTERN)]
Key: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_KEY_LENGTH, pattern=KEY_PATTERN)]
_MessageId: TypeAlias = Annotated[str, Meta(max_length=_MAX_MESSAGE_ID_LENGTH, pattern=TEXT_PATTERN)]


class RequestedExecution(Struct, frozen=True, forbid_unknown_fields=True, gc=False, omit_defaults=True):
    """One execution to accept; ``parameters`` is a JSON object. One idempotency key, one execution."""

    action_ref: ActionRef
    parameters: Raw = Raw(NO_PARAMETERS)
    idempotency_key: Key | None = None


class ExecutionRequested(Struct, frozen=True, forbid_unknown_fields=True):
    """From a client to the executor: accept or refuse each of these, in this order."""

    executions: Annotated[list[RequestedExecution], Meta(min_length=1)]


_requested: Final = json.Decoder(ExecutionRequested)


def encode_requests(requests: Sequence[ExecutionRequest], source_service: str) -> WireMessage:
    """One message for requests of ``source_service``."""
    return seal(
        ExecutionRequested(
            [
                RequestedExecution(request.action_ref, Raw(request.parameters), request.idempotency_key)
                for request in requests
            ]
        ),
        source_service,
    )


def decode_requests(body: bytes) -> list[ExecutionRequest]:
    """What a client requests.

    A request that names no idempotency key gets ``amqp:<message_id>:<index>``, index from 0: the same message,
    published or delivered again, is the same executions.

    Raises:
        MalformedMessageError: when ``body`` is anything else, or one of its executions cannot be kept.
    """
    envelope = unseal(body)
    if envelope.message_type != ExecutionRequested.__name__:
        raise MalformedMessageError(f"message_type is {envelope.message_type!r}: this queue takes ExecutionRequested")
    try:
        convert(envelope.message_id, _MessageId)
    except ValidationError as error:
        raise MalformedMessageError(f"envelope: {error} - at `$.message_id`") from error
    try:
        payload = _requested.decode(envelope.payload)
    except UNREADABLE as error:
        raise MalformedMessageError(f"payload: {error}") from error
    requests: list[ExecutionRequest] = []
    for index, execution in enumerate(payload.executions):
        parameters = bytes(execution.parameters).strip()
        if (problem := parameters_flaw(parameters)) is not None:
            raise MalformedMessageError(f"payload: {problem} - at `$.executions[{index}].parameters`")
        key = execution.idempotency_key or f"{DERIVED_KEY_PREFIX}{envelope.message_id}:{index}"
        requests.append(ExecutionRequest(execution.action_ref, parameters, key))
    return requests


def parameters_flaw(parameters: bytes) -> str | None:
    """Why ``parameters``, JSON without white space around it, cannot be an execution's; None where they can."""
    if not parameters.startswith(b"{"):
        return "Expected `object`"
    if (reason := flaw(parameters)) is not None:
        return f"Cannot be stored: {reason}"
    return None
