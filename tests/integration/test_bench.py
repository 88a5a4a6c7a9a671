"""The benchmark itself, so that it does not rot: its smallest size, which says nothing about speed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.system import TESTS


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - the program under test
        [sys.executable, "-m", "bench", *arguments],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


@pytest.mark.timeout(0)  # of its own
def test_two_rows_and_a_peer(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    result = run("--only", "b,d,pgqueuer", "--size", "smoke", "--out", str(out))
    assert result.returncode == 0, result.stderr
    document: dict[str, Any] = json.loads(out.read_text())
    assert document["environment"]["durable_commit_ms"] > 0
    rows = {row["key"]: row for row in document["rows"]}
    assert list(rows) == ["b", "d", "pgqueuer"]
    for row in rows.values():
        assert row["figures"], row
        assert {"postgresql", "rabbitmq", "load"} < set(row["cpu_seconds"])
        # What the table shows.
        assert row["title"].split(",")[0] in result.stdout
    rate = next(figure for figure in rows["b"]["figures"] if figure["name"] == "rate")
    assert rate["value"] > 0


def test_an_unknown_row_is_named(tmp_path: Path) -> None:
    result = run("--only", "a,nonsense", "--out", str(tmp_path / "results.json"))
    assert result.returncode == 2
    assert "nonsense" in result.stderr
