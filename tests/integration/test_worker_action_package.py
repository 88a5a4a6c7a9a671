"""The how-to's template of a package of actions: its tests pass, and a worker runs what is in it."""

import re
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.ports.broker import Dispatch
from attune_executor.worker.registry import Action
from integration.worker_process import POOL, ShardOwner, WorkerProcess

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
TEMPLATE = HOW_TO / "action-package"


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """What PYTHONPATH needs for the template to be found as an installer would have it found."""
    project = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())["project"]
    name = project["name"].replace("-", "_")
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / name).symlink_to(TEMPLATE / name)
    information = tmp_path / "packages" / f"{name}-{project['version']}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {project['version']}\n")
    lines = [
        line
        for group, entries in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()))
    ]
    (information / "entry_points.txt").write_text("\n".join(lines))
    return str(tmp_path / "packages")


@pytest.fixture
async def owner(amqp_url: str) -> AsyncIterator[ShardOwner]:
    owner = await ShardOwner.connect(amqp_url, 0)
    yield owner
    await owner.close()


async def test_a_worker_runs_the_template_s_actions(
    owner: ShardOwner, amqp_url: str, tmp_path: Path, installed: str
) -> None:
    worker = await WorkerProcess.launch(amqp_url, tmp_path, "--pool", POOL, environment={"PYTHONPATH": installed})
    try:
        await worker.ready()
        file = tmp_path / "file"
        file.write_text("attune")
        await owner.dispatch(
            *[
                Dispatch(number, f"example.{name}", 1, POOL, orjson.dumps(parameters))
                for number, (name, parameters) in enumerate(
                    [
                        ("wait_for_port", {"host": "127.0.0.1", "port": 1, "attempts": 1}),
                        ("checksum", {"path": str(file)}),
                        ("primes", {"below": 100}),
                    ],
                    start=1,
                )
            ]
        )
        await owner.wait_for(1, 2, 3)
    finally:
        await worker.destroy()
    assert [owner.finished[number].status for number in (1, 2, 3)] == [
        ExecutionStatus.FAILED,
        ExecutionStatus.SUCCEEDED,
        ExecutionStatus.SUCCEEDED,
    ]
    assert orjson.loads(owner.finished[2].result or b"")["size_bytes"] == 6
    assert owner.finished[3].result == b'{"count":25}'


def test_the_template_s_own_tests_pass(installed: str, tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - the template's tests
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TEMPLATE / "tests"],
        cwd=tmp_path,
        env={"PYTHONPATH": installed, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_how_to_s_action_is_one() -> None:
    [source] = re.findall(r"```python\n(.*?)```", (HOW_TO / "write-actions.md").read_text(), re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(source, namespace)  # noqa: S102 - the documentation's own code
    report = namespace["report"]
    assert isinstance(report, Action)
    assert (report.ref, report.timeout_seconds) == ("weather.report", 30)
