"""What the project has for each heading of the runbook, and whether it is there.

The headings, and what each is answered by, are in ``runbook.yaml`` beside this module: the runbook itself is not part
of the project. ``docs/runbook.md`` says the same to people. Every answer is of a kind:

=========  =====================================================================================
command    a command line of ``kubectl attune``, parsed by the program's own parser
kubectl    another one of kubectl: its objects and labels are those of the manifests
metric     a time series that the program exports
alert      an alert of ``manifests/monitoring/rules.yaml``
field      a field of the CRDs, beginning with ``spec.`` or ``status.``
endpoint   a request that the HTTP API answers, as ``METHOD PATH``
setting    a key of the configuration file
sql        a statement of the runbook, which ``tests/integration/test_runbook_sql.py`` runs
page       a page of ``docs``, with an anchor or without
make       a target of the Makefile
=========  =====================================================================================
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import yaml
from pydantic import BaseModel

from attune_executor.settings import Settings
from integration.runbook import NAMES
from testbed.docs import inventory, schemas
from testbed.docs.judgement import problems
from testbed.docs.pages import Page, broken_links, inline_code, links
from testbed.monitoring.exported import series
from testbed.monitoring.rules import alerts
from testbed.services.program import REPOSITORY

CONTENTS: Final = REPOSITORY / "tests/testbed/docs/runbook.yaml"
PAGE: Final = REPOSITORY / "docs/runbook.md"
_SAME_SQL: Final = ("same SQL", "run unchanged")


@dataclass(frozen=True)
class Counterpart:
    """Something of the project that answers a heading."""

    kind: str
    name: str

    def __str__(self) -> str:
        """Kind and name."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Entry:
    """A heading of the runbook: its level, its text, and what answers it."""

    level: int
    heading: str
    counterparts: Sequence[Counterpart]


def contents() -> list[Entry]:
    """The runbook's headings in their order; numbered steps and lettered solutions stand below their procedure."""
    entries: list[Entry] = []
    for item in yaml.safe_load(CONTENTS.read_text(encoding="utf-8")):
        marks, _, text = item["heading"].partition(" ")
        by = [Counterpart(kind, name) for each in item["by"] for kind, name in each.items()]
        entries.append(Entry(len(marks), text, by))
    return entries


def gaps(entries: Sequence[Entry], page: Page) -> list[str]:
    """What is missing: a heading without a section, a section without an answer, an answer that is not there."""
    found: list[str] = []
    here = [(heading.level, heading.text) for heading in page.headings[1:]]
    wanted = [(entry.level, entry.heading) for entry in entries[1:]]
    if here != wanted:
        absent, more = [each for each in wanted if each not in here], [each for each in here if each not in wanted]
        found.append(f"{page.name}: not the runbook's headings in its order: without {absent}, besides {more}")
        return found
    for entry, heading in zip(entries, page.headings, strict=True):
        section = page.section(heading)
        if not entry.counterparts:
            found.append(f"{entry.heading}: nothing answers it")
        for counterpart in entry.counterparts:
            if (reason := flaw(counterpart)) is not None:
                found.append(f"{entry.heading}: {counterpart}: {reason}")
            if not _named(counterpart, section):
                found.append(f"{entry.heading}: the section does not name {counterpart}")
    return found


@cache
def flaw(counterpart: Counterpart) -> str | None:
    """Why it is not there; None: it is."""
    if counterpart.kind not in _KINDS:
        return f"{counterpart.kind} is no kind of counterpart"
    return _KINDS[counterpart.kind](counterpart.name)


def _named(counterpart: Counterpart, section: str) -> bool:
    code = inline_code(section) + [line for line in section.splitlines() if line.startswith("kubectl ")]
    if counterpart.kind == "page":
        return counterpart.name in links(section)
    if counterpart.kind == "sql":
        return any(words in section for words in _SAME_SQL)
    if counterpart.kind == "setting":
        return counterpart.name in section
    return any(each.startswith(counterpart.name) or counterpart.name in each for each in code)


def _shell(text: str) -> str | None:
    return "; ".join(problems(text)) or None


def _among(names: Callable[[], object]) -> Callable[[str], str | None]:
    def look(name: str) -> str | None:
        there = names()
        assert isinstance(there, frozenset | set | list | dict)
        return None if name in there else "there is no such thing"

    return look


def _field(path: str) -> str | None:
    return None if schemas.field_exists(path) else "no such field in the CRDs"


def _endpoint(request: str) -> str | None:
    method, _, path = request.partition(" ")
    return None if inventory.has_endpoint(method, path) else "the HTTP API does not answer it"


def _setting(key: str) -> str | None:
    section: Any = Settings
    for part in key.split("."):
        fields: Mapping[str, Any] = getattr(section, "model_fields", {})
        by_name = {field.alias or name: field.annotation for name, field in fields.items()}
        if part not in by_name:
            return "no such key in the configuration"
        section = by_name[part]
    return None if not isinstance(section, type) or not issubclass(section, BaseModel) else "a section, not a key"


def _page(target: str) -> str | None:
    page = Page(PAGE)
    page.__dict__["links"] = [target]
    return "no such page or anchor" if broken_links(page) else None


_KINDS: Final[Mapping[str, Callable[[str], str | None]]] = {
    "alert": _among(lambda: {rule["alert"] for rule in alerts()}),
    "command": _shell,
    "endpoint": _endpoint,
    "field": _field,
    "kubectl": _shell,
    "make": lambda target: _shell(f"make {target}"),
    "metric": _among(series),
    "page": _page,
    "setting": _setting,
    "sql": _among(lambda: NAMES),
}
