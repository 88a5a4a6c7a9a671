"""Judges a command line that documentation shows: each program's own rule finds what would not work.

A program that nobody knows here is a mistake too: add its rule, or the name to those that need none.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, cast

from testbed.docs import inventory
from testbed.docs.kubectl import kubectl
from testbed.docs.programs import PROGRAMS, mistake
from testbed.docs.shell import command_lines
from testbed.services.program import REPOSITORY

USERS_OWN: Final = frozenset(
    {"first-queue.yaml", "my-attune", "my-workers", "policy.yaml", "submit-http-get.yaml", "your-overlay"}
)
"""What the reader has and the project does not."""
_EVERYBODYS: Final = frozenset(
    [
        "awk",
        "bash",
        "cat",
        "cd",
        "chmod",
        "cp",
        "createdb",
        "cut",
        "dmesg",
        "done",
        "dropdb",
        "echo",
        "for",
        "do",
        "git",
        "grep",
        "head",
        "jq",
        "less",
        "ls",
        "mkdir",
        "openssl",
        "printf",
        "ps",
        "psql",
        "python3",
        "rabbitmqctl",
        "rm",
        "sed",
        "sha256sum",
        "sleep",
        "sort",
        "tail",
        "tee",
        "test",
        "top",
        "tr",
        "uniq",
        "wc",
    ]
)
"""Programs whose arguments tell nothing of this project."""
Rule = Callable[[Sequence[str]], str | None]


def problems(text: str) -> list[str]:
    """What would not work in a piece of shell."""
    try:
        lines = list(command_lines(text))
    except ValueError as error:
        return [f"{text!r} is not understood: {error}"]
    found = (problem(words) for words in lines)
    return [each for each in found if each is not None]


def problem(words: Sequence[str]) -> str | None:
    """What would not work in a command; None: nothing that can be told from here."""
    program = Path(words[0]).name
    if program in PROGRAMS:
        return mistake([program, *words[1:]])
    if program == "kubectl" and words[1:2] == ["attune"]:
        return mistake(["attune", *words[2:]])
    if program in _EVERYBODYS:
        return None
    rule = _RULES.get(program)
    return f"{program} is a program that nobody here knows" if rule is None else rule(words)


def _missing_path(path: str) -> str | None:
    """Whether a path within the repository is one; a pattern has to find something."""
    if path in USERS_OWN or path.startswith("/") or "…" in path:
        return None
    name = path.removeprefix("./")
    roots = (REPOSITORY, REPOSITORY / "docs/how-to")
    return None if any((root / name).exists() or list(root.glob(name)) for root in roots) else f"{path} is not there"


def _make(words: Sequence[str]) -> str | None:
    targets = [word for word in words[1:] if "=" not in word]
    return next((f"make has no target {word}" for word in targets if word not in inventory.make_targets()), None)


def _docker(words: Sequence[str]) -> str | None:
    if "--target" not in words:
        return None
    target = words[words.index("--target") + 1]
    return None if target in inventory.image_targets() else f"the Dockerfile has no stage {target}"


def _helm(words: Sequence[str]) -> str | None:
    if words[1] not in {"install", "upgrade", "uninstall", "template"}:
        return f"helm {words[1]} is not known"
    values = json.loads((REPOSITORY / "manifests/chart/values.schema.json").read_text(encoding="utf-8"))
    for flag, value in pairwise(words):
        if flag in {"--set", "--set-json", "--set-string"} and value != "…":
            node: Mapping[str, Any] = values
            for name in value.partition("=")[0].split("."):
                if name not in node.get("properties", {}):
                    return f"the chart has no value {value.partition('=')[0]}"
                node = node["properties"][name]
    return next(filter(None, (_missing_path(word) for word in words if word.startswith("manifests/"))), None)


def _curl(words: Sequence[str]) -> str | None:
    data = words[words.index("-d") + 1] if "-d" in words else None
    (address,) = [word for word in words if re.match(r"(https?://)?localhost:", word)] or [""]
    path = address.partition("localhost:")[2].lstrip("0123456789")
    method = words[words.index("-X") + 1] if "-X" in words else "GET" if data is None else "POST"
    if path not in {"", "/openapi.json"} and not inventory.has_endpoint(method, path):
        return f"the API has no {method} {path}"
    if data is not None:
        body = cast("dict[str, Any]", json.loads(data))
        if not body.keys() <= {"action_ref", "parameters", "idempotency_key", "executions"}:
            return f"{data} is no submission"
    return None


def _unit(words: Sequence[str]) -> str | None:
    for word in words[1:]:
        name = re.sub(r"@.*", "@", word)
        if word.startswith("attune-") and not (REPOSITORY / f"manifests/systemd/{name}.service").exists():
            return f"there is no unit {word}"
    return None


def _installed(words: Sequence[str]) -> str | None:
    paths = [word for word in words if word.startswith(("./", "manifests/"))]
    return next(filter(None, map(_missing_path, paths)), None)


def _uv(words: Sequence[str]) -> str | None:
    if "-m" in words:
        module = words[words.index("-m") + 1].replace(".", "/")
        places = [REPOSITORY / folder / module for folder in ("tests", "executor", "operator")]
        return (
            None
            if any(place.is_dir() or place.with_suffix(".py").exists() for place in places)
            else f"no module {module}"
        )
    return _installed(words)


def _kubectl(words: Sequence[str]) -> str | None:
    return kubectl(words, _missing_path)


_RULES: Final[Mapping[str, Rule]] = {
    "curl": _curl,
    "docker": _docker,
    "helm": _helm,
    "install": _installed,
    "journalctl": _unit,
    "kubectl": _kubectl,
    "make": _make,
    "pip": _installed,
    "systemctl": _unit,
    "uv": _uv,
}
