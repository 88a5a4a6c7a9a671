"""One idempotency key used for actions of two shards at one moment: one execution, and neither shard falters."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest

from attune_executor.adapters.clock import SystemClock
from attune_executor.adapters.memory import MemoryBroker
from attune_executor.adapters.postgres import PostgresJournal
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.submission import ExecutionRequest, Receipt
from attune_executor.engine.engine import Engine
from attune_executor.engine.statistics import Statistics
from attune_executor.ports.journal import KnownAction, StoredExecution

REFS = ("shard.zero", "shard.one")
KEYS = [f"key-{number:02}" for number in range(40)]
CONCURRENCY = 5


class MeetingJournal(PostgresJournal):
    """Both shards look for keys before either of them commits."""

    meeting: asyncio.Barrier
    rebuilds = 0

    async def find_idempotent(self, keys: Sequence[str]) -> Mapping[str, StoredExecution]:
        found = await super().find_idempotent(keys)
        if not found and len(keys) == len(KEYS):
            await self.meeting.wait()
        return found

    async def actions(self) -> Sequence[KnownAction]:
        self.rebuilds += 1
        return await super().actions()


@asynccontextmanager
async def turning(journal: MeetingJournal, ref: str) -> AsyncGenerator[tuple[Engine, MemoryBroker]]:
    broker = MemoryBroker()
    broker.add_worker(slots=1000)
    engine = Engine(ref, journal, broker, Statistics(SystemClock(), None), SystemClock())
    task = asyncio.create_task(engine.run())
    try:
        await engine.started()
        await engine.set_policy(ref, QueuePolicy(concurrency=CONCURRENCY))
        yield engine, broker
    finally:
        engine.stop()
        await task
        await journal.close()


async def submit(engine: Engine, ref: str, keys: Sequence[str | None]) -> list[Receipt]:
    outcomes = await engine.submit([ExecutionRequest(ref, b"{}", key) for key in keys])
    receipts = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
    assert len(receipts) == len(keys)
    return receipts


@pytest.mark.parametrize("order", [1, -1], ids=["in the same order", "in opposite orders"])
async def test_the_second_of_two_shards_answers_with_the_execution_of_the_first(migrated_url: str, order: int) -> None:
    journals = [await MeetingJournal.open(migrated_url, shard=shard) for shard in (0, 1)]
    meeting = asyncio.Barrier(2)
    for journal in journals:
        journal.meeting = meeting
    async with turning(journals[0], REFS[0]) as (zero, _), turning(journals[1], REFS[1]) as (one, _):
        engines = zero, one
        answers = await asyncio.gather(submit(zero, REFS[0], KEYS), submit(one, REFS[1], KEYS[::order]))
        ids = [[receipt.execution_id for receipt in receipts] for receipts in answers]
        assert ids[0] == ids[1][::order]
        assert len(set(ids[0])) == len(KEYS)
        (ref,) = {receipt.action_ref for receipts in answers for receipt in receipts}
        assert sorted(all(receipt.duplicate for receipt in receipts) for receipts in answers) == [False, True]
        # Whoever came second keeps none of its places and slots, and goes on without a rebuild.
        loser = 1 - REFS.index(ref)
        fresh = await submit(engines[loser], REFS[loser], [None] * 7)
        assert [receipt.queue_position for receipt in fresh] == [0] * CONCURRENCY + [1, 2]
        assert [journal.rebuilds for journal in journals] == [1, 1]
    connection = await asyncpg.connect(migrated_url)
    counts = await connection.fetch("SELECT action_ref, count(*) FROM attune.execution GROUP BY action_ref")
    await connection.close()
    assert {row["action_ref"]: row["count"] for row in counts} == {ref: len(KEYS), REFS[loser]: 7}


async def test_what_was_first_elsewhere_is_not_published(migrated_url: str) -> None:
    journals = [await MeetingJournal.open(migrated_url, shard=shard) for shard in (0, 1)]
    meeting = asyncio.Barrier(2)
    for journal in journals:
        journal.meeting = meeting
    async with (
        turning(journals[0], REFS[0]) as (zero, broker_zero),
        turning(journals[1], REFS[1]) as (one, broker_one),
    ):
        answers = await asyncio.gather(submit(zero, REFS[0], KEYS), submit(one, REFS[1], KEYS))
        (ref,) = {receipt.action_ref for receipts in answers for receipt in receipts}
        winner, loser = (broker_zero, broker_one) if ref == REFS[0] else (broker_one, broker_zero)
        last = await submit(one if ref == REFS[0] else zero, REFS[1 - REFS.index(ref)], [None])
        async with asyncio.timeout(60):
            while len(winner.pools.get("default", ())) < CONCURRENCY or not loser.pools.get("default"):
                await asyncio.sleep(0.01)
        assert [dispatch.execution_id for dispatch in loser.pools["default"]] == [last[0].execution_id]
