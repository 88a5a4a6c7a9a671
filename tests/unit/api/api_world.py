"""The API in front of a real engine, on the ports in memory."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from attune_executor.adapters.everybody_here import EverybodyHere
from attune_executor.adapters.memory import (
    JournalStore,
    ManualClock,
    MemoryBroker,
    MemoryExecutionHistory,
    MemoryGrowth,
    MemoryJournal,
    MemoryMaintenance,
    MemoryQueueStatsRepository,
)
from attune_executor.api.app import create_api
from attune_executor.api.live import LiveQueues
from attune_executor.api.rate_limit import SubmissionLimit
from attune_executor.api.settings import ApiSettings
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import Admission, QueuePolicy
from attune_executor.domain.records import Finished
from attune_executor.engine.engine import Engine
from attune_executor.engine.maintenance import Maintenance
from attune_executor.engine.statistics import Statistics
from attune_executor.engine.turn_loop import TurnSettings
from attune_executor.ports.authorization import Authorizer
from attune_executor.ports.checkup import ExecutorCheckup, FleetCheckup

REF = "core.echo"


@dataclass
class ApiWorld:
    """A client, and what stands behind the API."""

    client: httpx.AsyncClient
    engine: Engine
    store: JournalStore
    broker: MemoryBroker
    clock: ManualClock

    async def declare(
        self, ref: str = REF, concurrency: int = 2, max_queue_length: int = 3, admission: Admission = Admission.OPEN
    ) -> None:
        policy = QueuePolicy(concurrency=concurrency, max_queue_length=max_queue_length, admission=admission)
        await self.engine.set_policy(ref, policy)

    async def submit(self, *refs: str) -> httpx.Response:
        return await self.client.post("/api/v1/executions", json={"executions": [{"action_ref": ref} for ref in refs]})

    def finish(self, execution_id: int, result: bytes = b'{"done": true}') -> None:
        now = self.clock.now()
        self.broker.report(
            finished=[Finished(execution_id, 1, ExecutionStatus.SUCCEEDED, result, "worker-1", now, now)]
        )


class OneEngine:
    """An engine as those who watch see an executor; nobody declares an emergency."""

    def __init__(self, engine: Engine) -> None:
        self.stats, self.policies, self.pools, self.health = engine.stats, engine.policies, engine.pools, engine.health

    def emergency(self) -> Emergency | None:
        return None


@asynccontextmanager
async def api_world(
    settings: ApiSettings | None = None,
    submissions: SubmissionLimit | None = None,
    authorizer: Authorizer | None = None,
) -> AsyncGenerator[ApiWorld]:
    """An engine that turns, until the block ends; everybody may call unless `authorizer` says otherwise."""
    store, broker, clock = JournalStore(), MemoryBroker(), ManualClock()
    statistics = Statistics(clock, MemoryQueueStatsRepository(store), coalesce_seconds=0.01)
    broker.add_worker()
    turns = TurnSettings(idle_turn_seconds=0.02)
    journal = MemoryJournal(store)
    maintenance = Maintenance(MemoryMaintenance(journal), clock)
    engine = Engine("test", journal, broker, statistics, clock, turns, maintenance)
    running = asyncio.create_task(engine.run())
    await engine.started()

    async def examine() -> FleetCheckup:
        return FleetCheckup(1, [ExecutorCheckup("test", None, {0: await engine.checkup()}, fifo_violations=0)])

    api = create_api(
        engine,
        settings or ApiSettings(),
        submissions,
        history=MemoryExecutionHistory(store),
        growth=MemoryGrowth(store),
        authorizer=authorizer or EverybodyHere(),
        live=LiveQueues(OneEngine(engine), clock=clock.now),
        examine=examine,
    )
    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://executor") as client:
            yield ApiWorld(client, engine, store, broker, clock)
    finally:
        engine.stop()
        await running
