"""What `flaw` lets pass, PostgreSQL takes; what PostgreSQL refuses, `flaw` names."""

import psycopg
import pytest

from attune_executor.wire.storable import flaw

REFUSED_BY_POSTGRESQL = {
    "nul": r'"a\u0000b"',
    "nul after an escaped backslash": r'"\\\u0000"',
    "nul in a key": r'{"\u0000": 1}',
    "lone surrogate": r'"\ud800"',
    "surrogates in the wrong order": r'"\udc00\ud800"',
    "control character": '"a\nb"',
    "leading zero": "01",
    "not a number": "NaN",
    "too large": "1e131072",
    "too fine": "1e-20000",
    "too fine, written out": "0." + "1" * 17000,
    "too fine by both": "0." + "1" * 7000 + "e-10000",
    "too deep": "[" * 30_000 + "]" * 30_000,
    "unfinished": '{"a": ',
}
TAKEN = {
    "plain": '{"a": [1, 2.5, -3e10, true, null, "é"]}',
    "escaped backslash before u0000": r'"\\u0000"',
    "surrogate pair": r'"\ud83d\ude00"',
    "big integer": "123456789012345678901234567890",
    "small": "1e-300",
    "text that looks like a number too fine": '"deadbeef3e-20000"',
    "long fraction": "0." + "1" * 5000,
    "many short arrays": "[" + ",".join(["[]"] * 1000) + "]",
    "brackets in a string": '"' + "[" * 1000 + '"',
    "same key twice": '{"a": 1, "a": 2}',
}
STRICTER_THAN_POSTGRESQL = {"beyond a double": "1e400", "nested": "[" * 201 + "]" * 201}


def takes(database_url: str, document: str) -> bool:
    with psycopg.connect(database_url, autocommit=True) as connection:
        try:
            connection.execute("SELECT %s::text::jsonb", (document,))
        except psycopg.Error:
            return False
        return True


@pytest.mark.parametrize("document", REFUSED_BY_POSTGRESQL.values(), ids=REFUSED_BY_POSTGRESQL)
def test_what_the_database_refuses_is_named(database_url: str, document: str) -> None:
    assert not takes(database_url, document), "the case does not show what it is meant to show"
    assert flaw(document.encode()) is not None


@pytest.mark.parametrize("document", TAKEN.values(), ids=TAKEN)
def test_what_passes_is_taken(database_url: str, document: str) -> None:
    assert flaw(document.encode()) is None
    assert takes(database_url, document)


@pytest.mark.parametrize("document", STRICTER_THAN_POSTGRESQL.values(), ids=STRICTER_THAN_POSTGRESQL)
def test_what_parsers_give_up_on_is_named_too(document: str) -> None:
    assert flaw(document.encode()) is not None


def test_invalid_utf_8_is_named() -> None:
    assert flaw(b'"\xff"') is not None
