"""Bodies in JSON that are read by hand, from bytes: what is wrong with one is said in the API's own words."""

import re
from typing import Final, TypeVar

from msgspec import DecodeError, ValidationError, json

from attune_executor.api.errors import invalid
from attune_executor.wire.storable import MAX_DEPTH

JSON: Final = "application/json"
# msgspec ends its text with the path of the value, and names a field there that is missing or unknown.
_PATH: Final = re.compile(r" - at `\$\.([^`]+)`$")
_NAMED: Final = re.compile(r" field `([^`]+)`")

_Body = TypeVar("_Body")


def decoded(decoder: json.Decoder[_Body], body: bytes) -> _Body:
    """What ``decoder`` makes of a body.

    Raises:
        ApiError: 422, naming the field.
    """
    try:
        return decoder.decode(body)
    except ValidationError as error:
        raise invalid(*located(error)) from error
    except (DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"The body is not valid JSON: {error}") from error
    except RecursionError as error:
        raise invalid(f"The body is nested too deeply: send at most {MAX_DEPTH} levels") from error


def located(error: ValidationError) -> tuple[str, str | None]:
    """What msgspec says, and the field that it speaks of."""
    text = str(error)
    names = [found[1] for found in (_PATH.search(text), _NAMED.search(text)) if found]
    return text, ".".join(names) or None
