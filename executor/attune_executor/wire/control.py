"""What an executor tells workers beside what to run: answer with a heartbeat, and what to stop."""

from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

from msgspec import Meta, Struct, json

from attune_executor.ports.broker import Cancel
from attune_executor.wire.envelope import MalformedMessageError, WireMessage, seal, unseal
from attune_executor.wire.fields import EXECUTOR, Attempt, ExecutionId, Shard, open_payload


class RollCalled(Struct, frozen=True):
    """From an executor to every worker: send a heartbeat to the queue of ``shard``."""

    shard: Shard


class ExecutionCancelled(Struct, frozen=True):
    """From the executor to every worker of a pool: stop these, as (execution id, attempt), and earlier attempts."""

    executions: Annotated[list[tuple[ExecutionId, Attempt]], Meta(min_length=1)]


class Control(NamedTuple):
    """What an executor told the workers: whom to answer with a heartbeat, or what to stop."""

    roll_call: int | None = None
    cancelled: Sequence[tuple[int, int]] = ()


_roll_called: Final = json.Decoder(RollCalled)
_cancelled: Final = json.Decoder(ExecutionCancelled)


def encode_roll_call(shard: int) -> WireMessage:
    """Ask for heartbeats."""
    return seal(RollCalled(shard), EXECUTOR)


def encode_cancels(cancels: Sequence[Cancel]) -> WireMessage:
    """One message for the workers of a pool."""
    return seal(ExecutionCancelled([(cancel.execution_id, cancel.attempt) for cancel in cancels]), EXECUTOR)


def decode_control(body: bytes) -> Control:
    """What an executor told the workers.

    Raises:
        MalformedMessageError: when ``body`` is anything else.
    """
    envelope = unseal(body)
    if envelope.message_type == RollCalled.__name__:
        return Control(roll_call=open_payload(_roll_called, envelope).shard)
    if envelope.message_type == ExecutionCancelled.__name__:
        return Control(cancelled=open_payload(_cancelled, envelope).executions)
    raise MalformedMessageError(
        f"message_type is {envelope.message_type!r}: a worker obeys RollCalled and ExecutionCancelled"
    )
