"""`attune-executor`: one clear line and an exit code that says what kind of trouble it is."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.services.ports import free_port

NOWHERE = "postgresql://attune:secret@127.0.0.1:1/attune"


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATTUNE__")}
    return subprocess.run(  # noqa: S603 - the program under test
        [Path(sys.executable).with_name("attune-executor"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**environment, **{f"ATTUNE__{name}": value for name, value in variables.items()}},
    )


def complains(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert result.returncode == code, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("attune-executor: ")
    for word in words:
        assert word in line
    assert "secret" not in line


def test_migrating_twice(database_url: str) -> None:
    said = set[str]()
    for _ in range(2):
        result = run("migrate", DATABASE__URL=database_url)
        assert result.returncode == 0, result.stderr
        said.add(result.stdout)
    (line,) = said
    assert re.fullmatch(r"schema attune is at version \d{4}\n", line)


def test_without_configuration() -> None:
    complains(run("migrate"), 2, "database is required")
    complains(run("run"), 2, "database is required", "message_queue is required")


def test_a_file_that_is_not_there_or_not_yaml(tmp_path: Path) -> None:
    complains(run("run", "--config", str(tmp_path / "none.yaml")), 2, "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("database: {url: [")
    complains(run("run", "--config", str(broken)), 2, "is not YAML")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("executor: {queue: {max_queue_lenght: 5}}", "executor.queue.max_queue_lenght is not a setting: did you mean"),
        ("executor: {queue: {max_queue_length: many}}", "executor.queue.max_queue_length: Input should be a valid"),
        ("executor: {emergency_mode: perhaps}", "executor.emergency_mode: Input should be a valid boolean"),
        ("executor: {emergency: {close_below_priority: 12}}", "executor.emergency.close_below_priority is 12: set it"),
        ("policies: {actions: {core.echo: {concurrency_limit: 1, pool: 'No'}}}", "policies.actions.core.echo.pool is"),
        ("api: {host: 0.0.0.0}", "api.tokens_file: api.host 0.0.0.0 lets other machines call, which needs tokens"),
        ("api: {host: 0.0.0.0, tokens_file: /no/such/file}", "cannot read the configuration file /no/such/file"),
        ("api: {}\nexecutor: {}\napi: {}", "api stands twice, in lines 1 and 3"),
        ("api: {rate_limits: {global: {enabled: true}}}\nrate_limits: {global: {enabled: false}}", "leave one of them"),
    ],
)
def test_a_mistake_in_the_file(tmp_path: Path, text: str, says: str) -> None:
    mistaken = tmp_path / "config.yaml"
    mistaken.write_text(text)
    broker = "amqp://attune:secret@127.0.0.1:1/"
    complains(run("run", "--config", str(mistaken), DATABASE__URL=NOWHERE, MESSAGE_QUEUE__URL=broker), 2, says)


def test_an_unknown_variable() -> None:
    complains(run("migrate", DATABASE__URL=NOWHERE, DATABSE__URL="x"), 2, "ATTUNE__DATABSE__URL")


def test_an_absent_database() -> None:
    complains(run("migrate", DATABASE__URL=NOWHERE), 69, "the database is away", "correct database.url")
    broker = "amqp://attune:secret@127.0.0.1:1/"
    complains(run("run", DATABASE__URL=NOWHERE, MESSAGE_QUEUE__URL=broker), 69, "refused", "correct database.url")


def test_a_database_without_its_schema(database_url: str) -> None:
    result = run("run", DATABASE__URL=database_url, MESSAGE_QUEUE__URL="amqp://attune@127.0.0.1:1/")
    assert result.returncode == 2
    assert "run `attune-executor migrate`" in result.stderr.splitlines()[-1]


def test_an_absent_broker(migrated_url: str) -> None:
    port = str(free_port())
    result = run(
        "run", DATABASE__URL=migrated_url, MESSAGE_QUEUE__URL="amqp://attune:secret@127.0.0.1:1/", API__PORT=port
    )
    assert result.returncode == 69, result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("attune-executor: ")
    assert last.endswith("; start RabbitMQ, or correct message_queue.url")
    assert "secret" not in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_that_is_taken(migrated_url: str, amqp_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run("run", DATABASE__URL=migrated_url, MESSAGE_QUEUE__URL=amqp_url, API__PORT=port)
    assert result.returncode == 69, result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"attune-executor: cannot listen on 127.0.0.1:{port}: ")
    assert last.endswith("; correct api.host or api.port, or stop what listens there")
    assert "Traceback" not in result.stderr


def test_the_description_needs_no_configuration() -> None:
    result = run("openapi")
    assert result.returncode == 0, result.stderr
    assert "/api/v1/executions" in json.loads(result.stdout)["paths"]


@pytest.mark.parametrize("command", ["run", "migrate", "openapi"])
def test_help_says_what_a_command_is_for(command: str) -> None:
    result = run(command, "--help")
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) > 4
