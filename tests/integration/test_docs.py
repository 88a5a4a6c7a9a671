"""Every SQL that a page shows runs on the schema as it is, as role attune; the site works from a disk."""

from pathlib import Path

import asyncpg
import pytest
from playwright.sync_api import expect

from testbed.chromium import chromium
from testbed.docs.build import build_site
from testbed.docs.pages import Block, pages

SHOWN = [block for page in pages() for block in page.blocks if block.language == "sql"]


@pytest.mark.parametrize("block", SHOWN, ids=lambda block: block.place)
async def test_sql_of_the_pages(migrated_url: str, block: Block) -> None:
    database = await asyncpg.connect(migrated_url)
    await database.execute(block.text)
    await database.close()


def test_the_search_of_the_site_works_from_a_disk_without_a_network(tmp_path: Path) -> None:
    build_site(tmp_path)
    with chromium() as browser:
        page = browser.new_page(offline=True)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"file://{tmp_path}/runbook.html")
        page.keyboard.press("/")
        page.keyboard.type("FIFO order violation")
        first = page.locator(".md-search-result__item").first
        expect(first).to_contain_text("FIFO Order Violation", timeout=60_000)

    assert [url for url in asked if not url.startswith("file:")] == []
