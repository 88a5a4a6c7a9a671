"""What the pages show of Attune without Kubernetes works, line by line, with real servers."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from testbed.attune.units import Units
from testbed.docs.pages import Block, Page
from testbed.docs.typed import commands, untyped
from testbed.docs.typist import Typist
from testbed.services.ports import free_port
from testbed.services.program import REPOSITORY

HOW_TO = Page(REPOSITORY / "docs/how-to/standalone.md")
SECURE = Page(REPOSITORY / "docs/how-to/secure.md")
EXECUTOR = "attune-executor"
FILE = re.compile(r"^# (/etc/attune/[\w.-]+).*\n", re.MULTILINE)
DIGEST = re.compile(r"[0-9a-f]{64}")
DEADLINE_SECONDS = 120.0


class Machine:
    """A folder that stands for the root of a machine, with a reader before it who is in a checkout."""

    def __init__(self, root: Path, units: Units, database_url: str, amqp_url: str) -> None:
        self.root = root
        self.units = units
        self.port = free_port()
        # A start writes lines too, and no action has raised anything.
        self.typist = Typist(None, "", REPOSITORY, looks=("grep configuration", "grep execution_id"))
        self.typist.replaced = {
            "/etc/": f"{root}/etc/",
            "localhost:8080": f"localhost:{self.port}",
            "journalctl -fu 'attune-worker@*'": f"cat {root}/attune-worker@*.log",
            "journalctl -u attune-executor -n 20 --no-pager": f"tail -n 20 {units.journal(EXECUTOR)}",
            "journalctl -u attune-executor -n 100 --no-pager": f"tail -n 100 {units.journal(EXECUTOR)}",
        }
        self.readers_own = {
            "amqp://attune:PASSWORD@broker:5672/": amqp_url,
            # One of several executors on this machine, hence another port.
            "postgresql://attune:PASSWORD@database:5432/attune": f"{database_url}\nATTUNE__API__PORT={self.port}",
        }
        (root / "etc/systemd/system").mkdir(parents=True)

    def file(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def write(self, block: Block) -> None:
        """The files of a block, each under a comment with its path."""
        _, *parts = FILE.split(block.text)
        for path, text in zip(parts[::2], parts[1::2], strict=True):
            written = text
            for shown, own in self.readers_own.items():
                written = written.replace(shown, own)
            self.file(path).write_text(written)

    def type(self, line: str) -> str:
        if line.startswith("systemctl "):
            words = self.typist.type(f"echo {line.removeprefix('systemctl ')}")
            return self.units.systemctl(words.split())
        return self.typist.type(line)

    def until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not reached():
            assert time.monotonic() < deadline, self.units.journal(EXECUTOR).read_text()
            time.sleep(0.1)

    def logged(self, text: str) -> bool:
        return text in self.units.journal(EXECUTOR).read_text()

    def edit(self, change: Callable[[dict[str, Any]], None]) -> None:
        configuration = yaml.safe_load(self.file("/etc/attune/config.yaml").read_text())
        change(configuration)
        self.file("/etc/attune/config.yaml").write_text(yaml.safe_dump(configuration))


@pytest.fixture
def machine(tmp_path: Path, database_url: str, amqp_url: str) -> Iterator[Machine]:
    root = tmp_path / "root"
    root.mkdir()
    with Units(root) as units:
        yield Machine(root, units, database_url, amqp_url)


def data(answer: str) -> dict[str, Any]:
    return json.loads(answer)["data"]


def test_the_how_to(machine: Machine) -> None:
    files = [block for block in HOW_TO.blocks if FILE.match(block.text) and "tokens_file" not in block.text]
    shown = iter([line for line in commands(HOW_TO) if not line.startswith((*untyped(HOW_TO), "ATTUNE__"))])

    def read_on(to: str) -> str:
        """Type what follows, up to the line with these words; return what that printed."""
        for line in shown:
            printed = machine.type(line)
            if to in line:
                return printed
        raise AssertionError(f"no line with {to!r} follows")

    read_on("daemon-reload")
    for block in files:
        machine.write(block)
    assert read_on("status") == "2 policies in force"
    submitted = data(read_on('"command": "date"'))
    assert data(read_on("executions/1"))["id"] == submitted["id"] == 1
    machine.until(lambda: data(machine.type("curl -s localhost:8080/api/v1/executions/1"))["status"] == "succeeded")

    machine.edit(lambda file: file["policies"]["actions"].update({"core.echo": {"concurrency_limit": 1}}))
    read_on("reload")
    machine.until(lambda: machine.logged("configuration read again and in force"))
    assert '"policies":3' in machine.type("journalctl -u attune-executor -n 20 --no-pager | grep configuration")
    read_on("restart")
    read_on("grep configuration")
    assert "listens" in read_on("grep CompletionListener")
    read_on("grep execution_id")
    assert list(shown) == []

    machine.type("systemctl enable --now attune-worker@4")
    machine.until(lambda: "reports" in machine.units.journal("attune-worker@4").read_text())
    machine.type("systemctl stop attune-worker@4")


def test_an_executor_that_others_may_call(machine: Machine, database_url: str, amqp_url: str) -> None:
    """The how-to's file with everything, and the file of tokens of the page about permissions."""
    url = urlsplit(database_url)
    credentials = {"database-password": unquote(url.password or ""), "message-queue-url": amqp_url}
    machine.readers_own |= {
        "postgresql://attune@database/attune": url._replace(netloc=f"attune@127.0.0.1:{url.port}").geturl(),
        "/etc/attune/": f"{machine.root}/etc/attune/",
    }
    (everything,) = [block for block in HOW_TO.blocks if "tokens_file" in block.text]
    (tokens,) = [block for block in SECURE.blocks if "tokens:" in block.text]
    machine.type("install -d -m 0755 /etc/attune")
    machine.type("install -m 0644 manifests/systemd/*.service /etc/systemd/system/")
    for name, text in credentials.items():
        machine.file(f"/etc/attune/{name}").write_text(f"{text}\n")
    machine.file("/etc/attune/executor.env").write_text(f"ATTUNE__API__PORT={machine.port}\n")
    make, show = [line for line in commands(SECURE) if "openssl" in line or "sha256sum" in line]
    machine.type(make)
    machine.readers_own[DIGEST.findall(tokens.text)[0]] = machine.type(show).partition(" ")[0]
    machine.write(tokens)
    machine.write(everything)
    machine.type("systemctl enable --now attune-executor")

    submit = "curl -s localhost:8080/api/v1/executions -d"
    wanted = """'{"action_ref": "core.http.get", "parameters": {"url": "https://example.org"}}'"""
    with_token = f'{submit} {wanted} -H "Authorization: Bearer $TOKEN"'
    assert json.loads(machine.type(f"{submit} {wanted}"))["code"] == "unauthenticated"
    assert data(machine.type(with_token))["status"] == "requested"
    assert json.loads(machine.type(with_token.replace("core.http.get", "core.shell")))["code"] == "forbidden"
