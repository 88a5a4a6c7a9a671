"""Every command that a page shows is typed on the real thing by a test, or there is a reason why not."""

import pytest

from testbed.docs.pages import Page, pages
from testbed.docs.typed import EVERY_PAGE, TYPED_BY, UNTYPED, commands, untyped
from testbed.services.program import REPOSITORY


@pytest.mark.parametrize("page", [page for page in pages() if page.name not in TYPED_BY], ids=lambda page: page.name)
def test_a_page_that_no_test_types_has_only_commands_with_a_reason(page: Page) -> None:
    assert [line for line in commands(page) if not line.lstrip().startswith(untyped(page))] == []


@pytest.mark.parametrize("name", TYPED_BY)
def test_the_test_that_types_a_page_names_it(name: str) -> None:
    """By its file's name, or as the page that everything of the runbook is in."""
    test = (REPOSITORY / TYPED_BY[name]).read_text(encoding="utf-8")
    assert any(word in test for word in (name, f'"{REPOSITORY.joinpath(name).stem}"', "Page(PAGE)"))


@pytest.mark.parametrize("name", UNTYPED)
def test_what_has_a_reason_is_still_there(name: str) -> None:
    shown = [line.lstrip() for page in pages() if name in {EVERY_PAGE, page.name} for line in commands(page)]
    assert [begin for begin in UNTYPED[name] if not any(line.startswith(begin) for line in shown)] == []
