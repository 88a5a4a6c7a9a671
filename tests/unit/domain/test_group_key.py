"""group_key: equal values make one group, whatever their spelling; long ones are hashed."""

import json

from hypothesis import given
from hypothesis import strategies as st

from attune_executor.domain.group_key import group_key

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def test_no_names_no_group() -> None:
    assert group_key(b'{"tenant":"a"}', ()) is None


def test_one_that_is_missing_is_null() -> None:
    assert group_key(b'{"tenant":"a"}', ("tenant", "region")) == '["a",null]'
    assert group_key(b"{}", ("tenant",)) == group_key(b'{"tenant":null}', ("tenant",))


@given(value=VALUES)
def test_spelling_does_not_matter(value: object) -> None:
    compact = json.dumps({"k": value, "other": 1}, separators=(",", ":"), ensure_ascii=False).encode()
    spread = json.dumps({"other": 2, "k": value}, indent=2, sort_keys=True).encode()
    assert group_key(compact, ("k",)) == group_key(spread, ("k",))


@given(one=VALUES, other=VALUES)
def test_different_values_are_different_groups(one: object, other: object) -> None:
    keys = [group_key(json.dumps({"k": value}).encode(), ("k",)) for value in (one, other)]
    assert (keys[0] == keys[1]) == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


def test_long_values_are_hashed() -> None:
    key = group_key(json.dumps({"k": "x" * 1000}).encode(), ("k",))
    assert key is not None
    assert key.startswith("sha256:")
    assert len(key) == len("sha256:") + 64
