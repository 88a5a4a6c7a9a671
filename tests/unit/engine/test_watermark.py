"""The watermark of confirmed publishes when an owner dies before it has settled what its predecessor left in doubt.

Found by `python -m chaos`: the execution in doubt waited for the scheduled timeout of 300 s, and its queue with it.
"""

from attune_executor.domain.policy import QueuePolicy
from unit.engine.test_engine import REF, World, commit_without_publishing, requests, until


async def test_what_is_in_doubt_stays_in_doubt_for_the_next_owner() -> None:
    world = World()
    await commit_without_publishing(world)
    async with world.running(world.engine(roll_call_seconds=60)) as engine:
        # It asks the workers only later what they hold; meanwhile another execution is published and confirmed.
        await engine.set_policy("other", QueuePolicy(concurrency=1))
        await engine.submit([request._replace(action_ref="other") for request in requests(1)])
        await until(
            lambda: world.store.shards[0].publish_order == 2 and [item.action_ref for item in world.pool()] == ["other"]
        )
    async with world.running():
        await until(lambda: [item.attempt for item in world.pool() if item.action_ref == REF] == [2], timeout_seconds=1)
