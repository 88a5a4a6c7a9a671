"""What the payloads of messages have in common: whose they are, the ranges of their fields, how they are opened."""

from typing import Annotated, Final, TypeAlias, TypeVar

from msgspec import Meta, json

from attune_executor.wire.envelope import UNREADABLE, Envelope, MalformedMessageError

EXECUTOR: Final = "attune-executor"
WORKER: Final = "attune-worker"

ExecutionId: TypeAlias = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Attempt: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Name: TypeAlias = Annotated[str, Meta(min_length=1)]
WorkerName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=253, pattern=r"^[^\x00-\x1f]*$")]
Shard: TypeAlias = Annotated[int, Meta(ge=0, le=2**15 - 1)]
Seconds: TypeAlias = Annotated[float, Meta(gt=0)]
UnixSeconds: TypeAlias = Annotated[float, Meta(ge=0, le=253_402_300_799)]  # up to the end of the year 9999

_Payload = TypeVar("_Payload")


def open_payload(decoder: json.Decoder[_Payload], envelope: Envelope) -> _Payload:
    """The payload of a message.

    Raises:
        MalformedMessageError: it is another one.
    """
    try:
        return decoder.decode(envelope.payload)
    except UNREADABLE as error:
        raise MalformedMessageError(f"payload: {error}") from error
