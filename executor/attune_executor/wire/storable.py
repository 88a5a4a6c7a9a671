"""Which JSON can be kept.

PostgreSQL's jsonb refuses some that every parser takes, and one such value would fail the whole turn that carries it,
again and again. So it is kept out where it comes in.
"""

import re
from itertools import accumulate
from typing import Final

import orjson

MAX_DEPTH: Final = 200
"""Objects and arrays within each other; parsers along the way give up at 1000."""

_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
# jsonb keeps numbers exactly, with up to 16383 digits behind the point.
_FRACTION_DIGITS: Final = 6000
_TOO_FINE: Final = re.compile(rb"\d[eE]-0*[1-9]\d{4}|\.\d{%d}" % _FRACTION_DIGITS)
_NESTING: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def flaw(document: bytes) -> str | None:
    r"""Why ``document`` cannot be kept, or None where it can.

    It must be JSON in UTF-8 without ``\u0000``, without numbers beyond the range of a double, nested no deeper than
    `MAX_DEPTH`.
    """
    try:
        orjson.loads(document)
    except orjson.JSONDecodeError as error:
        return f"not valid JSON: {error}"
    # Each search runs only where a search for one byte, which costs next to nothing, says that it can succeed.
    if b"\\" in document and _NUL.search(document):
        return "a string contains \\u0000, which no database text can hold"
    if (b"-" in document or len(document) > _FRACTION_DIGITS) and (
        _TOO_FINE.search(document) and _TOO_FINE.search(_STRING.sub(b'""', document))
    ):
        return "a number has more digits behind its point than a database can hold"
    if _too_deep(document):
        return f"nested deeper than {MAX_DEPTH} levels"
    return None


def _too_deep(document: bytes) -> bool:
    if len(document) <= MAX_DEPTH or document.count(b"[") + document.count(b"{") <= MAX_DEPTH:
        return False
    return max(accumulate(_NESTING.get(character, 0) for character in _STRING.sub(b'""', document))) > MAX_DEPTH
