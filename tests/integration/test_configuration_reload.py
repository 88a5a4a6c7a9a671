"""SIGHUP: a running executor follows its edited configuration, and keeps the one before where the edit is a mistake."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from testbed.attune.processes import HostProcess
from testbed.services.ports import free_port

DEADLINE_SECONDS = 60.0

IN_FORCE = "configuration read again and in force"


class Running:
    """An executor, its configuration file and its API."""

    def __init__(self, folder: Path, database_url: str, amqp_url: str) -> None:
        self.file = folder / "config.yaml"
        self.configuration: dict[str, Any] = {
            "api": {"port": free_port()},
            "policies": {"actions": {"kept": {"concurrency_limit": 1}, "dropped": {"concurrency_limit": 1}}},
        }
        self.write()
        base_url = f"http://127.0.0.1:{self.configuration['api']['port']}"
        self.api = httpx.Client(base_url=base_url, trust_env=False, timeout=DEADLINE_SECONDS)
        variables = {"ATTUNE__DATABASE__URL": database_url, "ATTUNE__MESSAGE_QUEUE__URL": amqp_url}
        arguments = ["attune-executor", "run", "--config", str(self.file)]
        self.process = HostProcess("executor", arguments, variables, folder / "executor.log")

    def write(self) -> None:
        self.file.write_text(yaml.safe_dump(self.configuration))

    def reload(self) -> None:
        os.kill(self.process.pid, signal.SIGHUP)

    def follow(self) -> None:
        """Have the file read again, and wait until all that it says is in force."""
        before = self.process.log().count(IN_FORCE)
        self.reload()
        self.until(lambda: self.process.log().count(IN_FORCE) > before)

    def submit(self, ref: str) -> httpx.Response:
        return self.api.post("/api/v1/executions", json={"action_ref": ref})

    def concurrency(self, ref: str) -> int | None:
        try:
            answer = self.api.get(f"/api/v1/actions/{ref}/queue-stats")
        except httpx.TransportError:
            return None
        return answer.json()["data"]["max_concurrent"] if answer.is_success else None

    def until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not reached():
            assert self.process.running, self.process.log()
            assert time.monotonic() < deadline, self.process.log()
            time.sleep(0.05)


@pytest.fixture
def running(tmp_path: Path, migrated_url: str, amqp_url: str) -> Iterator[Running]:
    running = Running(tmp_path, migrated_url, amqp_url)
    try:
        running.until(lambda: running.concurrency("dropped") == 1)
        yield running
        assert running.process.stop() == 0, running.process.log()
        assert "Traceback" not in running.process.log()
    finally:
        running.process.end()
        running.api.close()


def test_an_edited_file_is_followed(running: Running) -> None:
    running.configuration["policies"]["actions"] = {
        "kept": {"concurrency_limit": 7, "max_queue_length": 0},
        "added": {"concurrency_limit": 2},
    }
    running.configuration["api"]["rate_limits"] = {"global": {"max_requests_per_minute": 3}}
    running.write()
    assert running.concurrency("kept") == 1
    running.follow()
    running.until(lambda: running.concurrency("kept") == 7)
    running.until(lambda: running.concurrency("added") == 2)
    assert [running.submit(ref).status_code for ref in ("added", "dropped", "added")] == [201, 404, 201]
    limited = running.submit("added")
    assert (limited.status_code, limited.json()["code"]) == (429, "rate_limited")
    assert int(limited.headers["Retry-After"]) > 0


def test_an_emergency_begins_and_ends_without_a_restart(running: Running) -> None:
    running.configuration["policies"]["actions"] = {
        "kept": {"concurrency_limit": 1, "max_queue_length": 0},
        "minor": {"concurrency_limit": 1, "tags": ["low-priority"]},
    }
    running.configuration["executor"] = {"emergency_mode": True, "emergency": {"close_tags": ["low-priority"]}}
    running.write()
    running.follow()
    assert running.submit("minor").status_code == 409
    assert [running.submit("kept").status_code for _ in range(3)] == [201, 201, 201]
    running.configuration["executor"]["emergency_mode"] = False
    running.write()
    running.follow()
    assert running.submit("minor").status_code == 201
    assert running.submit("kept").status_code == 429


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("executor: [", "is not YAML"),
        ("executor: {queue: {max_queue_lenght: 1}}", "did you mean max_queue_length?"),
        ("policies: {actions: {kept: {concurrency_limit: 1, priority: 11}}}", "policies.actions.kept.priority is 11"),
    ],
)
def test_a_mistake_is_refused_in_one_line_and_nothing_changes(running: Running, text: str, says: str) -> None:
    running.file.write_text(text)
    running.reload()
    running.until(lambda: "configuration refused" in running.process.log())
    (line,) = [line for line in running.process.log().splitlines() if "configuration refused" in line]
    assert says in line
    assert running.submit("dropped").status_code == 201
    running.configuration["policies"]["actions"]["kept"]["concurrency_limit"] = 4
    running.write()
    running.reload()
    running.until(lambda: running.concurrency("kept") == 4)


def test_what_needs_a_restart_is_said(running: Running) -> None:
    running.configuration["executor"] = {"queue": {"enable_metrics": False}}
    running.write()
    running.reload()
    running.until(lambda: "restart the executor" in running.process.log())
    assert "executor.queue.enable_metrics" in running.process.log()
