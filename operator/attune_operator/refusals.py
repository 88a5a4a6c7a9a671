"""What the Kubernetes API means when it refuses a request: read from its answer alone, whoever asked."""

import json
from enum import Enum, auto
from typing import Final, NamedTuple, Self

_FIRST: Final = 400
"""HTTP's own line between success and failure."""
_LONGEST: Final = 200
"""Bytes of an answer that is not the API server's, for people to recognise it by."""


class RefusalKind(Enum):
    """Why, as far as whoever asked can do something about it."""

    UNAUTHORIZED = auto()
    """It does not know who asks."""
    FORBIDDEN = auto()
    """It knows, and no Role allows it."""
    NOT_FOUND = auto()
    """There is no such object."""
    CONFLICT = auto()
    """The object has changed, or exists already."""
    OTHER = auto()


_KINDS: Final = {
    401: RefusalKind.UNAUTHORIZED,
    403: RefusalKind.FORBIDDEN,
    404: RefusalKind.NOT_FOUND,
    409: RefusalKind.CONFLICT,
}


class Refusal(NamedTuple):
    """A refused request; ``reason`` is the API server's own sentence."""

    kind: RefusalKind
    status: int
    reason: str

    @classmethod
    def of(cls, status: int, body: bytes) -> Self:
        """The refusal that an answer of this HTTP status is; what stands between may have answered with anything."""
        try:
            reason = str(json.loads(body)["message"])
        except (ValueError, TypeError, KeyError):
            reason = body[:_LONGEST].decode(errors="replace")
        return cls(_KINDS.get(status, RefusalKind.OTHER), status, reason)


def refused(status: int) -> bool:
    """Whether an answer of this HTTP status is a refusal."""
    return status >= _FIRST
