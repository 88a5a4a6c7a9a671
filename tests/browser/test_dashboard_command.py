"""`attune dashboard`: a browser without a token sees what the user may see; nobody else on the machine does."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from browser.conftest import VIEWER, Stage


class Command:
    """`attune dashboard --no-open`, as a user whose kubeconfig has a token."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        kubeconfig = folder / "kubeconfig"
        context = {"name": "it", "context": {"cluster": "it", "user": "it"}}
        kubeconfig.write_text(
            json.dumps(
                {
                    "current-context": "it",
                    "clusters": [{"name": "it", "cluster": {"server": "https://127.0.0.1:1"}}],
                    "users": [{"name": "it", "user": {"token": VIEWER}}],
                    "contexts": [context],
                }
            )
        )
        variables = {"KUBECONFIG": str(kubeconfig), "ATTUNE_SERVER": stage.processes.url, "TMPDIR": str(folder)}
        # Python then buffers what goes into a pipe, as on a user's machine.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [str(Path(sys.executable).with_name("attune")), "dashboard", "--no-open"],
            env={**inherited, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        # The rest stays open, as a terminal does: what cannot be written there changes how the command ends.
        said = "".join(self.process.stdout.readline() for _ in range(4))
        found = re.fullmatch(
            r"Dashboard: (?P<url>\S+)/\nOpens it: (?P<file>\S+)\nKey, [^:]+: (?P<key>\S+)\nCtrl-C ends it\.\n", said
        )
        assert found, said
        self.url, self.file, self.key = found["url"], found["file"], found["key"]


@pytest.fixture(scope="module")
def command(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    command = Command(stage, tmp_path_factory.mktemp("command"))
    yield command
    file = Path(command.file.removeprefix("file://"))
    assert file.exists()
    command.process.send_signal(signal.SIGINT)
    rest, _ = command.process.communicate(timeout=60)
    assert (command.process.returncode, rest) == (0, "")  # pages that were closed meanwhile are nothing to tell
    assert not file.exists()


def test_the_file_opens_it_without_a_token_in_any_address(browser: Browser, command: Command, stage: Stage) -> None:
    context = browser.new_context()
    page = context.new_page()
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.goto(command.file)
    expect(page.locator(".connection")).to_have_text("Live")
    expect(page.locator(".caller")).to_have_text("viewer")
    assert page.url == f"{command.url}/"
    ids = stage.submit("core.sleep", 4, seconds=600)
    expect(page.locator('tr[data-action="core.sleep"] .waiting')).to_have_text("2")  # live, through the proxy
    stage.cancel(*reversed(ids))
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")  # pyright: ignore[reportTypedDictNotRequiredAccess] - browsers tell all
    assert not any(command.key in address or VIEWER in address for address in addresses)
    assert page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [0, 0, ""]
    context.close()


def test_where_the_file_is_not_the_key_can_be_typed(browser: Browser, command: Command) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(command.url)
    page.get_by_label("Bearer token").fill(command.key)
    page.get_by_label("Bearer token").press("Enter")
    expect(page.locator(".connection")).to_have_text("Live")
    context.close()


def test_nobody_else_on_the_machine_gets_anything(command: Command) -> None:
    queues = f"{command.url}/api/v1/queues"
    with httpx.Client(timeout=60) as http:
        assert http.get(queues).status_code == 401
        assert http.get(queues, headers={"Authorization": f"Bearer {command.key}"}).status_code == 200
        wrong = http.post(f"{command.url}/session", data={"key": "wrong"})
        assert (wrong.status_code, "set-cookie" in wrong.headers) == (403, False)
        elsewhere = http.post(
            f"{command.url}/session", data={"key": command.key}, headers={"Origin": "https://evil.example"}
        )
        assert elsewhere.status_code == 403
        rebound = http.get(command.url, headers={"Host": "evil.example"})
    assert (rebound.status_code, rebound.json()["code"]) == (403, "foreign_request")
    arguments = Path(f"/proc/{command.process.pid}/cmdline").read_bytes()
    assert command.key.encode() not in arguments
