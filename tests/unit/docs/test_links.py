"""Every link within the project leads somewhere, on a plain git host and in the site."""

import re
from pathlib import Path

import pytest

from testbed.docs.build import build_site
from testbed.docs.pages import Page, broken_links, pages
from testbed.services.program import REPOSITORY

LOADED_FROM_ELSEWHERE = re.compile(r"""<(?:script|img|iframe|link)\b[^>]*(?:src|href)="(?:https?:)?//[^"]*""")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_and_anchors_are_there(page: Page) -> None:
    assert broken_links(page) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    links = "[a](missing.md), [b](test_links.py), [c](page.md#there), [d](page.md#elsewhere), `[e](code.md)`"
    page = Page(Path(__file__).with_name("page.md"))
    page.__dict__["text"] = f"# There\n\n{links}\n"
    assert "missing.md" in broken_links(page)
    assert "test_links.py" not in broken_links(page)
    assert page.links == ["missing.md", "test_links.py", "page.md#there", "page.md#elsewhere"]
    assert page.anchors == {"there"}


def test_a_repeated_heading_has_an_anchor_of_its_own() -> None:
    page = Page(Path(__file__).with_name("page.md"))
    page.__dict__["text"] = "# A `b` [c](d.md)\n```sh\n# no heading\n```\n## A b c\ntext\n### Last: one\nmore\n"
    assert [(each.level, each.text, each.anchor) for each in page.headings] == [
        (1, "A b c", "a-b-c"),
        (2, "A b c", "a-b-c-1"),
        (3, "Last: one", "last-one"),
    ]
    assert page.section(page.headings[1]).strip() == "text"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly."""
    folder = tmp_path_factory.mktemp("site")
    build_site(folder)
    return folder


def test_the_site_has_a_page_for_every_page(site: Path) -> None:
    docs = REPOSITORY / "docs"
    expected = {
        path.relative_to(docs).with_suffix(".html") for path in docs.rglob("*.md") if "action-package" not in path.parts
    }
    assert {path.relative_to(site) for path in site.rglob("*.html")} >= expected


def test_the_site_needs_nothing_from_the_internet(site: Path) -> None:
    found = {
        path.name: LOADED_FROM_ELSEWHERE.findall(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")
    }
    assert {name: addresses for name, addresses in found.items() if addresses} == {}
    assert (site / "search" / "search_index.js").exists()  # what the search reads without a server
