"""What calibration relies on of any history of the load."""

from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

import asyncpg
import pytest

from attune_executor.adapters.memory import JournalStore, MemoryJournal, MemoryLoadHistory
from attune_executor.adapters.postgres import PostgresJournal, load_history
from attune_executor.adapters.postgres.load_history import PostgresLoadHistory
from attune_executor.domain.durations import bin_of
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.records import Accepted, Finished, Started, TurnRecord
from attune_executor.ports.load_history import LoadHistory

MINUTE = 60
FIRST = 1_700_000_040 // MINUTE * MINUTE
BUSY, RARE, NEVER = "core.busy", "core.rare", "core.never"

# (id, action, accepted at, started at, finished at), in seconds from FIRST; None: not yet
ROWS = (
    (1, RARE, -86_400.0, -86_400.0, -86_398.0),
    (2, RARE, -86_300.0, -86_300.0, -86_296.0),
    (3, BUSY, 1.0, 1.0, 1.0004),
    (4, BUSY, 2.0, 2.0, 2.75),
    (5, BUSY, 59.0, 59.0, 61.5),
    (6, BUSY, 62.0, 63.0, 190.0),
    (7, BUSY, 130.0, 131.0, None),
    (8, BUSY, 131.0, None, None),
)


class World(NamedTuple):
    history: LoadHistory
    actions: Mapping[str, int]


async def fill(journal: PostgresJournal | MemoryJournal) -> Mapping[str, int]:
    await journal.acquire("test")
    actions = await journal.save_policies(dict.fromkeys((BUSY, RARE, NEVER), QueuePolicy(concurrency=2)))
    await journal.commit(
        TurnRecord(
            accepted=[
                Accepted(number, actions[ref], ref, number, b"{}", None, FIRST + created, number)
                for number, ref, created, _, _ in ROWS
            ],
        )
    )
    await journal.commit(
        TurnRecord(
            started=[
                Started(number, 1, "w", FIRST + started)
                for number, _, _, started, finished in ROWS
                if started is not None and finished is None
            ],
            finished=[
                Finished(number, 1, ExecutionStatus.SUCCEEDED, b"{}", "w", FIRST + started, FIRST + finished)
                for number, _, _, started, finished in ROWS
                if started is not None and finished is not None
            ],
        )
    )
    return actions


@pytest.fixture(params=["memory", "postgres"])
async def world(request: pytest.FixtureRequest, migrated_url: str) -> AsyncIterator[World]:
    if request.param == "memory":
        store = JournalStore()
        actions = await fill(MemoryJournal(store))
        for number, _, _, _, finished in ROWS:
            if finished is not None:
                row = store.executions[number]
                row.stored = row.stored._replace(updated=FIRST + finished)
        yield World(MemoryLoadHistory(store), actions)
        return
    journal = await PostgresJournal.open(migrated_url)
    actions = await fill(journal)
    database = await asyncpg.connect(migrated_url)
    # The database's own clock says when an execution ended; here it ended when the test says.
    await database.executemany(
        "UPDATE attune.execution SET updated = to_timestamp($2) WHERE id = $1",
        [(number, FIRST + finished) for number, _, _, _, finished in ROWS if finished is not None],
    )
    await database.close()
    yield World(journal.load_history(), actions)
    await journal.close()


async def test_minutes_tell_what_arrived_and_how_long_what_finished_ran(world: World) -> None:
    known = (await world.history.since(FIRST)).actions

    minutes = {minute.index - FIRST // MINUTE: minute for minute in known[world.actions[BUSY]].minutes}
    assert {index: minute.arrivals for index, minute in minutes.items()} == {0: 3, 1: 1, 2: 2, 3: 0}
    assert {index: dict(minute.finished.bins) for index, minute in minutes.items()} == {
        0: {bin_of(0.0004): 1, bin_of(0.75): 1},
        1: {bin_of(2.5): 1},
        2: {},
        3: {bin_of(127.0): 1},
    }
    assert {index: minute.succeeded for index, minute in minutes.items()} == {0: 2, 1: 1, 2: 0, 3: 1}
    assert minutes[0].finished.mean_seconds == pytest.approx((0.0004 + 0.75) / 2, abs=1e-5)


async def test_an_action_without_a_recent_past_is_remembered_by_how_long_it_last_took(world: World) -> None:
    known = (await world.history.since(FIRST)).actions

    assert known[world.actions[RARE]].last_mean_seconds == pytest.approx(3.0)
    assert not known[world.actions[RARE]].minutes
    assert world.actions[NEVER] not in known


async def test_only_the_time_that_was_asked_for_is_told(world: World) -> None:
    known = (await world.history.since(FIRST + 125)).actions

    assert sum(minute.arrivals for minute in known[world.actions[BUSY]].minutes) == 2
    assert sum(minute.finished.count for minute in known[world.actions[BUSY]].minutes) == 1


async def test_of_a_past_that_is_too_busy_it_is_known_since_when_it_is_complete(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await world.history.since(FIRST)).since == FIRST
    if isinstance(world.history, PostgresLoadHistory):
        monkeypatch.setattr(load_history, "EXAMINED", 3)
        # Of the minute in which number 6 was accepted the executions before it were not looked at.
        assert (await world.history.since(FIRST)).since == FIRST + 2 * MINUTE
