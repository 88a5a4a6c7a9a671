"""A rebuild while another owner takes the journal over: what it reads then is no state that ever was."""

from collections.abc import Sequence

import pytest

from attune_executor.adapters.memory import JournalStore, MemoryJournal
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.roll_call import Patience
from attune_executor.engine.rebuild import rebuild
from attune_executor.ports.journal import JournalError, KnownAction
from unit.engine.test_engine import REF, World, requests, until


class OvertakenJournal(MemoryJournal):
    """Its list of actions is from the moment before a new owner declared them."""

    async def actions(self) -> Sequence[KnownAction]:
        return []


async def read(store: JournalStore) -> None:
    await rebuild(OvertakenJournal(store), publish_order=0, confirmed_order=0, now=0.0, patience=Patience())


@pytest.mark.parametrize("workers", [True, False], ids=["active", "waiting"])
async def test_an_action_that_appears_meanwhile_is_a_journal_to_read_again(workers: bool) -> None:
    world = World()
    async with world.running() as engine:
        if not workers:
            world.broker.workers.clear()
        await engine.set_policy(REF, QueuePolicy(concurrency=1))
        await engine.submit(requests(2 if not workers else 1))
        if workers:
            await until(lambda: len(world.pool()) == 1)
    with pytest.raises(JournalError, match="another executor writes it"):
        await read(world.store)
