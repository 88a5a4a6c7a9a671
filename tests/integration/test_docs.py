"""Every SQL that a page shows runs on the schema as it is, as role attune."""

import asyncpg
import pytest

from testbed.docs.pages import Block, pages

SHOWN = [block for page in pages() for block in page.blocks if block.language == "sql"]


@pytest.mark.parametrize("block", SHOWN, ids=lambda block: block.place)
async def test_sql_of_the_pages(migrated_url: str, block: Block) -> None:
    database = await asyncpg.connect(migrated_url)
    await database.execute(block.text)
    await database.close()
