"""Judges the fenced blocks of documentation, each by what it is for. A block that fits nowhere is a mistake too."""

import json
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from attune_executor.adapters.token_file import TokenFile
from attune_executor.configuration import ConfigurationError
from attune_executor.domain.errors import PolicyError
from attune_executor.settings import Settings
from testbed.docs import schemas
from testbed.docs.judgement import problems
from testbed.docs.pages import Block
from testbed.services.program import REPOSITORY

UNJUDGED: Final[Mapping[tuple[str, str], str]] = {
    (
        "docs/how-to/secure.md",
        "apiVersion: cert-manager.io/v1",
    ): "cert-manager's kind, which this project does not bring",
    ("docs/how-to/gitops.md", "data:"): "a fragment of Argo CD's own ConfigMap",
}
"""Blocks, by page and first line, that nobody here can judge, and why."""
KUBERNETES_OWN: Final = frozenset({"ClusterRole", "ConfigMap", "Role", "RoleBinding", "Secret", "ServiceAccount"})
"""Kinds that the API server judges, in ``tests/cluster/test_docs.py``."""
_CONNECTIONS: Final = {
    "database": {"url": "postgresql://attune@database/attune"},
    "message_queue": {"url": "amqp://attune@broker/"},
}
Document = dict[str, Any]


def judge(block: Block) -> list[str]:
    """What is wrong with a block."""
    first = block.text.splitlines()[0] if block.text else ""
    if (block.page.name, first) in UNJUDGED:
        return []
    rule = _RULES.get(block.language)
    if rule is None:
        return [f"nobody knows how to judge a block of {block.language or 'no language'}"]
    try:
        return rule(block)
    except (ValueError, SyntaxError, ImportError, yaml.YAMLError) as error:
        return [str(error)]


def documents(block: Block) -> list[Document]:
    """The documents of a block of YAML."""
    return [each for each in yaml.safe_load_all(block.text) if each is not None]


def _yaml(block: Block) -> list[str]:
    return [flaw for document in documents(block) for flaw in _document(block, document)]


def _document(block: Block, document: Document) -> list[str]:
    kind = document.get("kind")
    if isinstance(kind, str):
        if schemas.is_ours(kind):
            return schemas.flaws(kind, document)
        if kind == "Kustomization":
            return _kustomization(document)
        return [] if kind in KUBERNETES_OWN else [f"{kind} is a kind that nobody here knows"]
    if document.keys() == {"tokens"}:
        TokenFile.model_validate(document)
        return []
    return _configuration(block.text, document)


def _kustomization(document: Document) -> list[str]:
    """A folder of the user's beside the project's: ``..`` is the repository."""
    named = [*document.get("resources", ()), *document.get("components", ())]
    return [f"{each} is not there" for each in named if not (REPOSITORY / each.removeprefix("../")).exists()]


def _configuration(text: str, document: Document) -> list[str]:
    missing = {name: section for name, section in _CONNECTIONS.items() if name not in document}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(f"{text}\n{yaml.safe_dump(missing) if missing else ''}", encoding="utf-8")
        try:
            settings = Settings.load(file)
            settings.queue_policies()
            settings.emergency()
        except (ConfigurationError, PolicyError, ValidationError) as error:
            return [str(error)]
    return []


def _python(block: Block) -> list[str]:
    """Run, as a module that is imported: every name that it takes from the project is there."""
    exec(compile(block.text, block.place, "exec"), {"__name__": "shown"})  # noqa: S102 - the project's own page
    return []


def _json(block: Block) -> list[str]:
    json.loads(block.text)
    return []


def _toml(block: Block) -> list[str]:
    tomllib.loads(block.text)
    return []


def _sh(block: Block) -> list[str]:
    return problems(block.text)


def _console(block: Block) -> list[str]:
    """Commands behind a prompt; the lines between them are what was answered."""
    commands = [line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith("$ ")]
    return [flaw for command in commands for flaw in problems(command)] if commands else ["no prompt in it"]


def _sql(block: Block) -> list[str]:
    """Run on a migrated database by ``tests/integration/test_docs.py``."""
    del block
    return []


def _text(block: Block) -> list[str]:
    """Answers, and pictures made of letters: nothing that anybody would run."""
    del block
    return []


_RULES: Final[Mapping[str, Callable[[Block], list[str]]]] = {
    "console": _console,
    "json": _json,
    "python": _python,
    "sh": _sh,
    "sql": _sql,
    "text": _text,
    "toml": _toml,
    "yaml": _yaml,
}
