"""`make try`: real work on this machine without a terminal, judged, and nothing left behind."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

TESTS = Path(__file__).parents[2]
SECONDS = 600
DEADLINE_SECONDS = 60


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the services may go, too, which run as users of their own."""
    with tempfile.TemporaryDirectory(prefix="attune-test-try-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def left_behind(folder: Path) -> list[int]:
    """Processes that were started with this folder for their files."""
    left: list[int] = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if environment.get("TMPDIR") == str(folder):
            left.append(process.pid)
    return left


@pytest.mark.timeout(0)  # of its own
def test_the_trial(folder: Path) -> None:
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-m", "testbed", "try"],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder)},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    actions = json.loads(result.stdout.splitlines()[-1].removeprefix("TRY "))["actions"]
    assert {action["action"] for action in actions} == {"core.echo", "core.http.get", "core.shell", "core.sleep"}
    for action in actions:
        assert action["accepted"] == action["succeeded"] > 0
        assert (action["wrong"], action["overtaken"]) == (0, 0)
    assert "\x1b" not in result.stdout
    assert list(folder.iterdir()) == []
    deadline = time.monotonic() + DEADLINE_SECONDS
    while left := left_behind(folder):  # what was killed last is in the process table for another moment
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
