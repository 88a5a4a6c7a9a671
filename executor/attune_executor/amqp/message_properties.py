"""Lets a message come whose properties cannot be read.

The library that reads frames gives up the whole connection over a timestamp that no datetime can hold, or a name that
is not UTF-8. The broker hands on whatever a client wrote there: one such message would come back on every connection,
and nothing behind it would ever be heard. Nothing of ours depends on properties; what a message says is in its body.
"""

from pamqp.commands import Basic
from pamqp.header import ContentHeader

_strictly = ContentHeader.unmarshal


def _tolerantly(self: ContentHeader, data: bytes) -> None:
    try:
        _strictly(self, data)
    except (ValueError, OverflowError, OSError, RecursionError):
        # The length of the body was read before them.
        self.properties = Basic.Properties()


def tolerate_unreadable_properties() -> None:
    """From now on, in this whole process, a message has no properties where they cannot be read."""
    ContentHeader.unmarshal = _tolerantly
