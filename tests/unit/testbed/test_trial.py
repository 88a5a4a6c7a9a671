"""The trial's verdict finds what is wrong."""

from dataclasses import replace
from typing import Any

import pytest

from testbed.demo.verdict import Row
from testbed.trial.verdict import Verdict, judge

EXPECTED: dict[int, dict[str, Any]] = {1: {"number": 1}, 2: {"number": 2}}
ROWS = [
    Row(1, "core.echo", "succeeded", 10, 1, {"number": 1, "more": []}),
    Row(2, "core.echo", "succeeded", 11, 2, {"number": 2}),
    Row(3, "core.echo", "failed", 12, 3, None),  # somebody else's
]


def verdicts(rows: list[Row], peak: int = 2) -> list[Verdict]:
    return judge(rows, EXPECTED, {"core.echo": 2}, {"core.echo": peak})


def test_all_is_well() -> None:
    (verdict,) = verdicts(ROWS)
    assert verdict == Verdict("core.echo", accepted=2, succeeded=2, wrong=0, overtaken=0, limit=2, peak=2)
    assert verdict.good


@pytest.mark.parametrize(
    "rows",
    [
        [replace(ROWS[0], status="failed"), ROWS[1]],
        [replace(ROWS[0], result={"number": 7}), ROWS[1]],
        [replace(ROWS[0], result=None), ROWS[1]],
        [replace(ROWS[0], dispatch_order=3), ROWS[1]],
        [ROWS[0]],
    ],
    ids=["failed", "wrong result", "no result", "overtaken", "lost"],
)
def test_what_is_wrong_is_found(rows: list[Row]) -> None:
    assert not all(verdict.good for verdict in verdicts(rows))


def test_a_limit_that_was_exceeded_is_found() -> None:
    assert [verdict.good for verdict in verdicts(ROWS, peak=3)] == [False]
