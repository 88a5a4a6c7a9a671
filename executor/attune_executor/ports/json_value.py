"""Which JSON values a journal can hold: all that PostgreSQL's jsonb stores, which is less than JSON allows.

One value that the database refuses would make it refuse its whole turn. So parameters are checked where they enter and
the caller is told, and results, whose worker cannot be told any more, are mended.
"""

import re
from typing import Final

import orjson

_MAX_FRACTION_DIGITS: Final = 16_000
# Cheap and common: nothing of this kind anywhere, not even in a string.
_SUSPICIOUS: Final = re.compile(rb"\\u0000|[eE]-\d{4}|\d{%d}" % _MAX_FRACTION_DIGITS)
_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_TINY_NUMBER: Final = re.compile(rb"[eE]-0*[1-9]\d{3}")
_LONG_NUMBER: Final = re.compile(rb"\d{%d}" % _MAX_FRACTION_DIGITS)


def defect(text: bytes) -> str | None:
    """Why this value cannot be stored, in words for whoever sent it; None when it can.

    Args:
        text: anything; that it is JSON in UTF-8, nested at most 1,024 deep, is checked too.
    """
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return str(error)
    if _SUSPICIOUS.search(text) is None:
        return None
    if _NUL.search(text) is not None:
        return r"it contains the character \u0000, which cannot be stored: remove it or encode the data in base64"
    numbers = _STRING.sub(b'""', text)
    if _TINY_NUMBER.search(numbers) is not None:
        return "it contains a number with an exponent below -999, which cannot be stored: round it to 0"
    if _LONG_NUMBER.search(numbers) is not None:
        return f"it contains a number with {_MAX_FRACTION_DIGITS} digits or more: send it as a string"
    return None


def mended(text: bytes) -> bytes:
    r"""The value itself where it can be stored, else the closest that can.

    The character ``\u0000`` becomes the replacement character; of a value with any other defect an object with an
    ``error`` remains that names it.
    """
    reason = defect(text)
    if reason is None:
        return text
    replaced = _NUL.sub(rb"\1\\ufffd", text)
    if defect(replaced) is None:
        return replaced
    return orjson.dumps({"error": f"the result is not stored: {reason}"})
