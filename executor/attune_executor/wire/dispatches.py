"""What the executor gives the workers of a pool to run; one or more executions to a message."""

from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

from msgspec import Meta, Raw, Struct, json

from attune_executor.ports.broker import Dispatch
from attune_executor.wire.envelope import MalformedMessageError, Origin, WireMessage, seal, unseal
from attune_executor.wire.fields import EXECUTOR, Attempt, ExecutionId, Name, Seconds, Shard, open_payload

# A message's structs die together with it and hold no cycles: the collector need not look at them.


class DispatchedExecution(Struct, frozen=True, gc=False, omit_defaults=True):
    """One execution to run; ``parameters`` is a JSON object.

    ``timeout_seconds`` bounds the run. ``at_most_once``: do not run it where the broker delivers it again.
    """

    execution_id: ExecutionId
    action_ref: Name
    attempt: Attempt
    parameters: Raw
    timeout_seconds: Seconds | None = None
    at_most_once: bool = False


class ExecutionDispatched(Struct, frozen=True, omit_defaults=True):
    """From the executor to a worker: run these, and report on them to the queues of ``shard``."""

    executions: Annotated[list[DispatchedExecution], Meta(min_length=1)]
    shard: Shard = 0


class Assignment(NamedTuple):
    """What a worker is asked to run; ``parameters`` is a JSON object in UTF-8."""

    execution_id: int
    attempt: int
    action_ref: str
    parameters: bytes
    timeout_seconds: float | None = None
    at_most_once: bool = False
    shard: int = 0


_dispatched: Final = json.Decoder(ExecutionDispatched)


def encode_dispatches(dispatches: Sequence[Dispatch], shard: int = 0) -> WireMessage:
    """One message for executions of the same pool."""
    return seal(
        ExecutionDispatched(
            [
                DispatchedExecution(
                    dispatch.execution_id,
                    dispatch.action_ref,
                    dispatch.attempt,
                    Raw(dispatch.parameters),
                    dispatch.timeout_seconds,
                    dispatch.at_most_once,
                )
                for dispatch in dispatches
            ],
            shard,
        ),
        EXECUTOR,
    )


def decode_dispatches(body: bytes) -> tuple[Origin, list[Assignment]]:
    """What a worker has to run.

    Raises:
        MalformedMessageError: when ``body`` is anything else.
    """
    envelope = unseal(body)
    if envelope.message_type != ExecutionDispatched.__name__:
        raise MalformedMessageError(f"message_type is {envelope.message_type!r}: a worker takes ExecutionDispatched")
    payload = open_payload(_dispatched, envelope)
    assignments: list[Assignment] = []
    for execution in payload.executions:
        parameters = bytes(execution.parameters)
        if not parameters.startswith(b"{"):
            raise MalformedMessageError(f"payload: parameters of execution {execution.execution_id} are not an object")
        assignments.append(
            Assignment(
                execution.execution_id,
                execution.attempt,
                execution.action_ref,
                parameters,
                execution.timeout_seconds,
                execution.at_most_once,
                payload.shard,
            )
        )
    return envelope.origin, assignments
