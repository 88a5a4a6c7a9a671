"""The watermark of confirmed publishes while what a predecessor left in doubt is not settled: kills, and outages.

Found by `python -m chaos`: the execution in doubt waited for the scheduled timeout of 300 s, and its queue with it.
"""

from attune_executor.domain.policy import QueuePolicy
from attune_executor.engine.engine import Engine
from unit.engine.test_engine import REF, World, commit_without_publishing, requests, until


async def publish_another(world: World, engine: Engine) -> None:
    """Have another execution published and confirmed."""
    await engine.set_policy("other", QueuePolicy(concurrency=1))
    await engine.submit([request._replace(action_ref="other") for request in requests(1)])
    await until(lambda: [item.action_ref for item in world.pool()] == ["other"])


async def until_repeated(world: World) -> None:
    await until(lambda: [item.attempt for item in world.pool() if item.action_ref == REF] == [2], timeout_seconds=1)


async def test_what_is_in_doubt_stays_in_doubt_for_the_next_owner() -> None:
    world = World()
    await commit_without_publishing(world)
    # It asks the workers only later what they hold.
    async with world.running(world.engine(roll_call_seconds=60)) as engine:
        await publish_another(world, engine)
    async with world.running():
        await until_repeated(world)


async def test_what_is_in_doubt_stays_in_doubt_through_an_outage_of_the_database() -> None:
    world = World()
    await commit_without_publishing(world)
    async with world.running(world.engine(roll_call_seconds=60)) as engine:
        await publish_another(world, engine)
        world.store.away = True
        await until(lambda: not engine.health().serving)
        world.store.away = False
        await until(lambda: engine.health().serving)
    async with world.running():
        await until_repeated(world)
