"""Valid messages made wrong: by bytes and by structure, the same for the same seed."""

import random
from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import orjson

_TOKENS: Final = (
    b"null", b'""', b"{}", b"[]", b"-1", b"0", b"1e400", b"9223372036854775808", b"\\u0000", b"\\ud800", b"\xff", b"\0",
    b'"', b"\\", b"{", b"}", b"[" * 300, b"]" * 300, b",", b":", b"\xef\xbb\xbf", b"\xc3\x28", b"NaN", b"true",
)  # fmt: skip
_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 2**31, 2**63 - 1, 2**64 - 1, 0.5, -1e308, 1e308, "", " ", "\0", "\x1f", "é" * 100,
    "x" * 300, "x" * 70_000, "1970-01-01T00:00:00Z", "ExecutionCompleted", "ExecutionRequested", "1.9", "2.0", [], {},
    [[]], {"": {}}, [None], ["x"] * 1500,
)  # fmt: skip


def mutated(body: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """``body`` changed once to three times; parts of ``others`` may be mixed in."""
    for _ in range(chance.randint(1, 3)):
        body = _by_bytes(body, others, chance) if chance.random() < 0.5 else _by_structure(body, chance)
    return body


def _by_bytes(body: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    start = chance.randint(0, len(body))
    end = min(len(body), start + chance.choice((0, 1, 1, 2, 8, 64)))
    match chance.randrange(6):
        case 0:  # cut off
            return body[:start]
        case 1:  # cut out
            return body[:start] + body[end:]
        case 2:  # twice
            return body[:end] + body[start:]
        case 3:  # noise
            return body[:start] + chance.randbytes(end - start) + body[end:]
        case 4:  # the rest of another
            other = chance.choice(others)
            return body[:start] + other[chance.randint(0, len(other)) :]
        case _:
            return body[:start] + chance.choice(_TOKENS) + body[end:]


def _by_structure(body: bytes, chance: random.Random) -> bytes:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    places = list(_places(document))
    if not places:
        return orjson.dumps(chance.choice(_VALUES))
    container, key = chance.choice(places)
    match chance.randrange(4):
        case 0:
            del container[key]
        case 1:
            container[key] = [container[key]]
        case 2 if isinstance(key, str):
            container[chance.choice(("x", key.upper(), key + " ", ""))] = container.pop(key)
        case _:
            container[key] = chance.choice(_VALUES)
    return orjson.dumps(document)


def _places(node: Any) -> Iterator[tuple[Any, str | int]]:
    """Every place of a document that holds a value: its container and its key there."""
    keys: list[Any] = []
    match node:
        case dict():
            keys = list(cast("dict[str, Any]", node))
        case list():
            keys = list(range(len(cast("list[Any]", node))))
        case _:
            pass
    for key in keys:
        yield node, key
        yield from _places(node[key])
