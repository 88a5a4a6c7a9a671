"""The project's Markdown pages: their headings, links and fenced blocks, as a plain git host reads them."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from testbed.services.program import REPOSITORY

PROJECT_PAGES: Final = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
_FENCE: Final = re.compile(r"^```(\S*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING: Final = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_CODE: Final = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_LINK: Final = re.compile(r"(?<!\\)\[[^\]]*\]\(([^()\s]+)\)")
_MARKUP: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)|`")
_NOT_IN_ANCHORS: Final = re.compile(r"[^\w\- ]")


@dataclass(frozen=True)
class Heading:
    """A heading: its level, 1 to 6, its text, the fragment by which links name it, and its line, from 0."""

    level: int
    text: str
    anchor: str
    line: int


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, its text, and the line where the text begins."""

    page: "Page"
    language: str
    text: str
    line: int

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True)
class Page:
    """A file of Markdown."""

    path: Path

    @property
    def name(self) -> str:
        """Its path within the repository."""
        return str(self.path.relative_to(REPOSITORY))

    @cached_property
    def text(self) -> str:
        """What is in it."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        """Its fenced blocks, in their order."""
        found = _FENCE.finditer(self.text)
        return [Block(self, each[1], each[2], self.text[: each.start(2)].count("\n") + 1) for each in found]

    @cached_property
    def prose(self) -> str:
        """The text without fenced blocks and comments; as many lines as before."""
        text = _FENCE.sub(lambda found: "\n" * found[0].count("\n"), self.text)
        return _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)

    @cached_property
    def headings(self) -> list[Heading]:
        """Its headings, in their order; of equal ones the second's anchor ends in ``-1``, as git hosts have it."""
        seen: dict[str, int] = {}
        headings: list[Heading] = []
        for found in _HEADING.finditer(self.prose):
            text = _MARKUP.sub(lambda markup: markup[1] or "", found[2]).strip()
            slug = _NOT_IN_ANCHORS.sub("", text.lower()).replace(" ", "-")
            number = seen[slug] = seen.get(slug, -1) + 1
            line = self.prose[: found.start()].count("\n")
            headings.append(Heading(len(found[1]), text, f"{slug}-{number}" if number else slug, line))
        return headings

    @cached_property
    def anchors(self) -> frozenset[str]:
        """What links may name behind ``#``."""
        return frozenset(heading.anchor for heading in self.headings)

    @cached_property
    def links(self) -> list[str]:
        """Targets of its links and pictures, but for those that lead out of the repository."""
        return links(self.prose)

    @property
    def inline_code(self) -> list[str]:
        """What stands in backquotes within its prose."""
        return inline_code(self.prose)

    def section(self, heading: Heading) -> str:
        """The text under a heading, up to the next one of any level."""
        following = self.headings[self.headings.index(heading) + 1 :]
        end = following[0].line if following else None
        return "\n".join(self.text.splitlines()[heading.line + 1 : end])


def pages() -> list[Page]:
    """All pages that are meant for readers: those at the project's root, and all below ``docs``."""
    paths = [REPOSITORY / name for name in PROJECT_PAGES]
    return [Page(path) for path in [*paths, *sorted((REPOSITORY / "docs").rglob("*.md"))]]


def inline_code(text: str) -> list[str]:
    """What stands in backquotes within Markdown; in a table a bar is written with a backslash before it."""
    return [" ".join(found[2].split()).replace("\\|", "|") for found in _CODE.finditer(text)]


def links(text: str) -> list[str]:
    """Targets of links and pictures within Markdown, but for those that lead out of the repository."""
    targets = _LINK.findall(_CODE.sub("", text))
    return [target for target in targets if "://" not in target and not target.startswith("mailto:")]


def broken_links(page: Page) -> list[str]:
    """The targets of a page that are not there; an anchor is looked for where the target is a page."""
    return [target for target in page.links if not _is_there(page, target)]


def _is_there(page: Page, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (page.path.parent / path).resolve() if path else page.path
    if not file.is_relative_to(REPOSITORY) or not file.exists():
        return False
    return not anchor or (file.suffix == ".md" and anchor in Page(file).anchors)
