"""The envelope that every message travels in, and what is said about one that cannot be read."""

from datetime import UTC, datetime
from typing import Annotated, Final, NamedTuple
from uuid import uuid4

from msgspec import DecodeError, Meta, Raw, Struct, json

VERSION: Final = "1.0"

UNREADABLE: Final = (DecodeError, UnicodeDecodeError, RecursionError)
"""What decoders raise for bytes that are no such message."""

_encoder: Final = json.Encoder()


class MalformedMessageError(ValueError):
    """A message that no retry can make readable; the text names the field and what is wrong with it."""


class WireMessage(NamedTuple):
    """A message ready to be published; ``body`` is the envelope in JSON."""

    message_id: str
    message_type: str
    correlation_id: str | None
    body: bytes


class Origin(NamedTuple):
    """The message that something answers; an answer carries its trace on."""

    message_id: str
    trace_id: str


class Headers(Struct, frozen=True):
    """``retry_count`` is how often the same content was published before without being confirmed."""

    retry_count: Annotated[int, Meta(ge=0)]
    source_service: str
    trace_id: str


class Envelope(Struct, frozen=True):
    """``correlation_id`` is the message that this one answers, where it answers a single one."""

    message_id: Annotated[str, Meta(min_length=1)]
    correlation_id: str | None
    message_type: str
    version: Annotated[str, Meta(pattern=r"^1\.\d+$")]
    timestamp: datetime
    headers: Headers
    payload: Raw

    @property
    def origin(self) -> Origin:
        """This message, for those that answer it."""
        return Origin(self.message_id, self.headers.trace_id)


_decoder: Final = json.Decoder(Envelope)


def seal(payload: Struct, source_service: str, origin: Origin | None = None, retry_count: int = 0) -> WireMessage:
    """Put ``payload`` into an envelope; its class names the message type."""
    message_id = uuid4().hex
    message_type = type(payload).__name__
    correlation_id = origin.message_id if origin else None
    envelope = Envelope(
        message_id=message_id,
        correlation_id=correlation_id,
        message_type=message_type,
        version=VERSION,
        timestamp=datetime.now(UTC),
        headers=Headers(retry_count, source_service, origin.trace_id if origin else message_id),
        payload=Raw(_encoder.encode(payload)),
    )
    return WireMessage(message_id, message_type, correlation_id, _encoder.encode(envelope))


def unseal(body: bytes) -> Envelope:
    """Read the envelope, leaving its payload as it is.

    Raises:
        MalformedMessageError: when ``body`` is not an envelope of version 1.
    """
    try:
        return _decoder.decode(body)
    except UNREADABLE as error:
        raise MalformedMessageError(f"envelope: {error}") from error
