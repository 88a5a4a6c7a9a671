"""Tokens from a file: whose they are, what they are for, and how the file is followed."""

import asyncio
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from attune_executor.adapters.token_file import FileAuthorizer
from attune_executor.configuration import ConfigurationError
from attune_executor.ports.authorization import Caller, Verb

HOW_TO = (Path(__file__).parents[3] / "docs" / "how-to" / "secure.md").read_text(encoding="utf-8")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def entry(name: str, token: str, **more: Any) -> Mapping[str, Any]:
    return {"name": name, "sha256": sha256(token.encode()).hexdigest(), **more}


def write(file: Path, *entries: Mapping[str, Any]) -> None:
    file.write_text(yaml.safe_dump({"tokens": list(entries)}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "tokens.yaml"
    write(
        file,
        entry("boss", "one"),
        entry("ci", "two", verbs=["create", "get"], actions=["core.echo"]),
        entry("dashboard", "three", verbs=["get", "list"]),
    )
    return file


async def test_a_token_is_its_callers(file: Path) -> None:
    authorizer = FileAuthorizer(file)
    assert await authorizer.authenticate("two") == Caller("ci")
    assert await authorizer.authenticate("four") is None
    assert await authorizer.authenticate(sha256(b"one").hexdigest()) is None
    assert await authorizer.authenticate(None) is None


async def test_what_an_entry_says_is_what_its_caller_may(file: Path) -> None:
    authorizer = FileAuthorizer(file)
    boss, ci, dashboard = Caller("boss"), Caller("ci"), Caller("dashboard")
    assert await authorizer.may(boss, Verb.DELETE, None)
    assert await authorizer.may(ci, Verb.CREATE, "core.echo")
    assert not await authorizer.may(ci, Verb.CREATE, "core.shell")
    assert not await authorizer.may(ci, Verb.DELETE, "core.echo")
    assert not await authorizer.may(ci, Verb.GET, None)
    assert [await authorizer.may_read_metrics(caller) for caller in (boss, ci, dashboard)] == [True, False, True]


async def test_the_file_is_followed_and_a_mistake_in_it_is_not(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    authorizer = FileAuthorizer(file, clock)
    write(file, entry("new", "five"))
    clock.now = 2
    assert await authorizer.authenticate("one") is None
    assert await authorizer.authenticate("five") == Caller("new")
    # Whoever was known when the request came in is forgotten by the time of the question.
    assert not await authorizer.may(Caller("boss"), Verb.GET, None)
    write(file, {"name": "five"})
    clock.now = 4
    assert await authorizer.authenticate("five") == Caller("new")
    assert "tokens.0.sha256 is required" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("tokens: [{name: a, sha256: abc}]", "tokens.0.sha256: String should match pattern"),
        ("token: []", "token is not a setting: did you mean tokens?"),
        (f"tokens: [{{name: a, sha256: {'a' * 64}}}, {{name: a, sha256: {'b' * 64}}}]", "two have the same name"),
    ],
)
def test_a_file_with_a_mistake_is_refused_at_the_start(file: Path, text: str, complaint: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"tokens\.yaml: ") as raised:
        FileAuthorizer(file)
    assert complaint in str(raised.value)


async def test_the_file_of_the_how_to(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(# /etc/attune/tokens.*?)^```$", HOW_TO, re.DOTALL | re.MULTILINE)
    file = tmp_path / "tokens.yaml"
    await asyncio.to_thread(file.write_text, example)
    authorizer = FileAuthorizer(file)
    assert await authorizer.may(Caller("ci"), Verb.CREATE, "core.http.get")
    assert await authorizer.may_read_metrics(Caller("dashboard"))


def test_a_file_that_is_not_there_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read"):
        FileAuthorizer(tmp_path / "none.yaml")
