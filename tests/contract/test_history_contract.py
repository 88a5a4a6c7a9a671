"""What the API relies on of any history of executions."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from attune_executor.adapters.memory import JournalStore, MemoryExecutionHistory, MemoryJournal
from attune_executor.adapters.postgres import PostgresExecutionHistory, PostgresJournal
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.records import Accepted, Finished, Started, TurnRecord
from attune_executor.ports.history import ExecutionHistory, HistoryPage, HistoryQuery, ListedExecution

NOW = 1_700_000_000.25
EVEN, ODD = "core.even", "core.odd"
COUNT = 30


class World(NamedTuple):
    """Executions 1 to 30, in turns of two actions; 3, 6, … are done, 5 and 10 run."""

    history: ExecutionHistory
    cautious: ExecutionHistory
    """The same, and looks at no more than ten executions for a page."""


async def fill(journal: PostgresJournal | MemoryJournal) -> None:
    await journal.acquire("test")
    ids = await journal.save_policies(dict.fromkeys((EVEN, ODD), QueuePolicy(concurrency=2)))
    actions = [ids[EVEN], ids[ODD]]
    await journal.commit(
        TurnRecord(
            publish_order=1,
            confirmed_order=1,
            accepted=[
                Accepted(number, actions[number % 2], (EVEN, ODD)[number % 2], number, b"{}", None, NOW + number, 1)
                for number in range(1, COUNT + 1)
            ],
        )
    )
    await journal.commit(
        TurnRecord(
            publish_order=1,
            confirmed_order=1,
            started=[Started(number, 1, "worker-1", NOW + number + 0.5) for number in (5, 10)],
            finished=[
                Finished(number, 1, ExecutionStatus.SUCCEEDED, b"{}", "worker-2", NOW + number + 1, NOW + number + 2)
                for number in range(3, COUNT + 1, 3)
            ],
        )
    )


@pytest.fixture(params=["memory", "postgres"])
async def world(request: pytest.FixtureRequest, migrated_url: str) -> AsyncIterator[World]:
    if request.param == "memory":
        store = JournalStore()
        await fill(MemoryJournal(store))
        yield World(MemoryExecutionHistory(store), MemoryExecutionHistory(store, examined=10))
        return
    journal = await PostgresJournal.open(migrated_url)
    await fill(journal)
    await journal.close()
    history = await PostgresExecutionHistory.open(migrated_url)
    cautious = await PostgresExecutionHistory.open(migrated_url, examined=10)
    yield World(history, cautious)
    await history.close()
    await cautious.close()


def ids(page: HistoryPage | None) -> list[int]:
    assert page is not None
    return [item.execution_id for item in page.executions]


async def walk(history: ExecutionHistory, query: HistoryQuery) -> list[list[int]]:
    """Every page, to the last one."""
    pages: list[list[int]] = []
    while True:
        page = await history.page(query)
        assert page is not None
        pages.append(ids(page))
        if page.next_after is None:
            return pages
        query = query._replace(after=page.next_after)


async def test_an_execution_is_listed_as_it_is(world: World) -> None:
    page = await world.history.page(HistoryQuery(after=11, limit=2))
    assert page is not None
    running, done = page.executions
    assert running == ListedExecution(
        10,
        running.action_id,
        EVEN,
        ExecutionStatus.RUNNING,
        1,
        "worker-1",
        created=NOW + 10,
        started_at=NOW + 10.5,
        updated=running.updated,
    )
    assert (done.execution_id, done.status, done.worker) == (9, ExecutionStatus.SUCCEEDED, "worker-2")
    assert done.action_id != running.action_id


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("ref", [None, EVEN, ODD])
@pytest.mark.parametrize("limit", [1, 7, 15, 30, 31])
async def test_pages_have_everything_once_and_in_order(
    world: World, ref: str | None, oldest_first: bool, limit: int
) -> None:
    expected = [number for number in range(1, COUNT + 1) if ref is None or (EVEN, ODD)[number % 2] == ref]
    if not oldest_first:
        expected.reverse()
    pages = await walk(world.history, HistoryQuery(action_ref=ref, oldest_first=oldest_first, limit=limit))
    assert [number for page in pages for number in page] == expected
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1], "no page is announced that has nothing"


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("ref", [None, EVEN, ODD])
@pytest.mark.parametrize(
    ("status", "numbers"),
    [
        (ExecutionStatus.RUNNING, {5, 10}),
        (ExecutionStatus.SUCCEEDED, set(range(3, COUNT + 1, 3))),
        (ExecutionStatus.SCHEDULED, {number for number in range(1, COUNT + 1) if number % 3} - {5, 10}),
        (ExecutionStatus.TIMEOUT, set[int]()),
    ],
)
async def test_a_status_is_found_however_few_a_page_looks_at(
    world: World, ref: str | None, oldest_first: bool, status: ExecutionStatus, numbers: set[int]
) -> None:
    expected = sorted(
        (number for number in numbers if ref is None or (EVEN, ODD)[number % 2] == ref), reverse=not oldest_first
    )
    query = HistoryQuery(ref, status, oldest_first=oldest_first, limit=4)
    for history in (world.history, world.cautious):
        pages = await walk(history, query)
        assert [number for page in pages for number in page] == expected


async def test_a_page_looks_at_a_bounded_number(world: World) -> None:
    page = await world.cautious.page(HistoryQuery(status=ExecutionStatus.RUNNING, limit=4))
    assert page == HistoryPage([], next_after=21)


async def test_an_unknown_action_has_no_pages(world: World) -> None:
    assert await world.history.page(HistoryQuery(action_ref="core.missing")) is None


async def test_a_position_of_another_action_or_of_none_is_a_place_all_the_same(world: World) -> None:
    assert ids(await world.history.page(HistoryQuery(EVEN, after=7, limit=2))) == [6, 4]
    assert ids(await world.history.page(HistoryQuery(ODD, after=1000, limit=2))) == [29, 27]
    assert ids(await world.history.page(HistoryQuery(after=COUNT, oldest_first=True))) == []
