"""Times in statuses: Kubernetes keeps whole seconds, and finer ones would make equal statuses look different."""

from datetime import UTC, datetime
from typing import overload


@overload
def whole_seconds(at: datetime) -> datetime: ...
@overload
def whole_seconds(at: float | None) -> datetime | None: ...
def whole_seconds(at: datetime | float | None) -> datetime | None:
    """A time, given as such or in Unix seconds, without its fraction."""
    if isinstance(at, datetime):
        return at.replace(microsecond=0)
    return None if at is None else datetime.fromtimestamp(int(at), UTC)
