"""Listing executions page by page."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attune_operator.ctl.listing import Listed, list_executions


class Pages:
    """Answers like the API: so many entries a page, by id downwards."""

    def __init__(self, *pages: list[int], more: bool = False) -> None:
        self._pages = pages
        self._more = more
        self.asked: list[dict[str, str]] = []

    async def answer(self, path: str) -> dict[str, Any]:
        number = len(self.asked)
        self.asked.append(dict(parse_qsl(urlsplit(path).query)))
        ids = self._pages[number % len(self._pages)]
        last = number == len(self._pages) - 1 and not self._more
        return {"data": [{"id": each} for each in ids], "next": None if last else 100 - number}


async def test_pages_are_followed_until_there_are_enough() -> None:
    pages = Pages([9, 8], [], [7], [6])
    found = await list_executions(pages.answer, {"status": "failed"}, 3, None)
    assert found == Listed([{"id": 9}, {"id": 8}, {"id": 7}], 98)
    assert pages.asked == [
        {"status": "failed", "limit": "3"},
        {"status": "failed", "limit": "1", "after": "100"},
        {"status": "failed", "limit": "1", "after": "99"},
    ]


async def test_the_last_page_ends_it_and_it_goes_on_where_it_is_told_to() -> None:
    pages = Pages([9], [8])
    assert await list_executions(pages.answer, {}, 1000, 42) == Listed([{"id": 9}, {"id": 8}], None)
    assert pages.asked[0] == {"limit": "500", "after": "42"}


async def test_a_rare_status_is_not_looked_for_without_end() -> None:
    pages = Pages([], more=True)
    found = await list_executions(pages.answer, {}, 20, None)
    assert (found.executions, len(pages.asked)) == ([], 20)
    assert found.next == 81
