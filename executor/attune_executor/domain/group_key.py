"""Which group of its action an execution belongs to."""

import hashlib
import json
from collections.abc import Sequence
from typing import Final

_LONGEST: Final = 200


def group_key(parameters: bytes, names: Sequence[str]) -> str | None:
    """The values of the parameters ``names`` as JSON text, one that is missing as null; None where no names are given.

    Long values are replaced by their hash: the key is compared, kept in memory and in the database.
    """
    if not names:
        return None
    document = json.loads(parameters)
    text = json.dumps([document.get(name) for name in names], sort_keys=True, separators=(",", ":"))
    if len(text) <= _LONGEST:
        return text
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
