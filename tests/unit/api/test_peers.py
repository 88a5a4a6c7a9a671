"""What executors ask of each other is answered to executors alone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from attune_executor.adapters.http_peers import HttpPeers
from attune_executor.api.peers import PeerGate
from attune_executor.domain.admission import Closure
from attune_executor.domain.backlog import Backlog
from attune_executor.domain.durations import DurationPercentiles
from attune_executor.domain.execution import Ending, ExecutionStatus
from attune_executor.domain.maintenance import Task, TaskReport, TaskRun
from attune_executor.domain.policy import Admission
from attune_executor.domain.pool_size import PoolSize
from attune_executor.domain.purge import PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.standing import Standing, WaitsFor
from attune_executor.domain.stats import Load, QueueStats
from attune_executor.domain.stuck import StuckExecution, StuckQuery
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.domain.throughput import MinuteTally, Tally, Throughput
from attune_executor.ports.broker import QueueDepth
from attune_executor.ports.checkup import Checkup, Component, ExecutorCheckup, PoolView, WorkerView
from attune_executor.ports.locks import LockHolder
from attune_executor.ports.peers import PeerError, Place, QueuesThere
from attune_executor.wire.peers import SUBMIT

URL = "http://executor"
TALLY = Tally(accepted=3, succeeded=1, ran=1, run_seconds=0.5)
RUN = TaskRun(Task.DELETE_EXECUTIONS, 1.5, 0.25, 12)
REPORT = TaskReport(Task.DELETE_EXECUTIONS, RUN, 60.0, failure="why", failures=2, enabled=False)
THROUGHPUT = Throughput("core.echo", 9, 7, 60.0, TALLY, TALLY, [MinuteTally(120, TALLY)])
STUCK = StuckExecution(0, "", ExecutionStatus.RUNNING, 1, "default", "w", 1.5, None, True, False, 2.5)

LOAD = Load(12.5, 0.25, 60.0, DurationPercentiles(0.1, 0.2, 0.3, 0.4), calibrated=False)
QUEUE = QueueStats(1, "core.echo", 3, 2, 2, 1.5, 9, 4, 1, 2.5, LOAD, 1, Admission.HOLD)
POOL = PoolSize(workers=2, draining=1, slots=20, held=3)
VIEW = PoolView("default", 20, 17, 3, [WorkerView("w", 20, 3, draining=False, unanswered=1)])
STANDING = Standing("core.echo", "default", 3, 2, WaitsFor.RATE_LIMIT, 7.5, Closure.ADMISSION)
PART = Component("broker", ok=False, since=1.0, last_success=None, last_error="away")
SHARD = Checkup(True, "serving", 0.1, 5.0, [PART], Backlog(2, 0.5), [QueueDepth("default", 4, 1)], [VIEW], [STANDING])
HOLDER = LockHolder(17, "dba", "psql", None, 12.5)
CHECKUP = ExecutorCheckup("one", URL, {0: SHARD, 3: replace(SHARD, depths=None)}, 2, [HOLDER])


class Here:
    def __init__(self) -> None:
        self.cancelled: list[int] = []
        self.completed: list[tuple[int, Ending]] = []

    async def submit(self, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
        del requests
        raise NotImplementedError

    async def end(self, execution_id: int, ending: Ending | None) -> Intervention:
        if ending is not None:
            self.completed.append((execution_id, ending))
            return Intervention.COMPLETED
        self.cancelled.append(execution_id)
        return Intervention.CANCELLING

    async def purge(self, order: PurgeOrder) -> PurgeReport | PurgeRefused | None:
        answers: dict[str, PurgeReport | PurgeRefused] = {
            "purged": PurgeReport(3, 0, order.up_to or 7),
            "longer": PurgeRefused(order.expected + 5),
        }
        return answers.get(order.action_ref)

    async def stuck(self, query: StuckQuery, shards: Sequence[int]) -> Sequence[StuckExecution]:
        return [STUCK._replace(action_ref=query.action_ref or "", execution_id=shard) for shard in shards]

    async def place(self, execution_id: int) -> Place:
        return Place(execution_id, None)

    async def maintenance(self) -> Sequence[TaskReport]:
        return [REPORT, TaskReport(Task.SNAPSHOT_QUEUES)]

    async def run_maintenance(self, task: Task) -> TaskReport:
        return TaskReport(task, running=True)

    async def queues(self, shards: Sequence[int]) -> QueuesThere:
        return QueuesThere({number: [replace(QUEUE, action_id=number)] for number in shards}, {"default": POOL})

    async def checkup(self) -> ExecutorCheckup:
        return CHECKUP

    async def throughput(self, ref: str | None) -> Sequence[Throughput]:
        return [THROUGHPUT] if ref in {None, THROUGHPUT.action_ref} else []


def peers(here: Here, secret: str, monkeypatch: pytest.MonkeyPatch) -> HttpPeers:
    """A client that knows `secret`, in front of an executor that knows `right`."""
    transport = httpx.ASGITransport(PeerGate(Starlette(), here, "right", 1000))
    client = httpx.AsyncClient

    def connected(**options: Any) -> httpx.AsyncClient:
        return client(**options, transport=transport)

    monkeypatch.setattr(httpx, "AsyncClient", connected)
    return HttpPeers(secret)


async def test_an_executor_of_the_same_database_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Here()
    asking = peers(here, "right", monkeypatch)
    assert await asking.cancel(URL, 7) is Intervention.CANCELLING
    assert here.cancelled == [7]
    assert await asking.throughput(URL, None) == [THROUGHPUT]
    assert await asking.throughput(URL, "core.other") == []
    assert await asking.maintenance(URL) == [REPORT, TaskReport(Task.SNAPSHOT_QUEUES)]
    assert await asking.run_maintenance(URL, REPORT.task) == TaskReport(REPORT.task, running=True)
    ending = Ending.because(ExecutionStatus.FAILED, "stuck")
    assert await asking.complete(URL, 8, ending) is Intervention.COMPLETED
    assert (here.cancelled, here.completed) == ([7], [(8, ending)])
    assert await asking.purge(URL, PurgeOrder("purged", 3, 5)) == PurgeReport(3, 0, 5)
    assert await asking.purge(URL, PurgeOrder("longer", 3)) == PurgeRefused(8)
    assert await asking.purge(URL, PurgeOrder("unknown", 3)) is None
    found = await asking.stuck(URL, StuckQuery(60.0, "purged"), [2, 5])
    assert found == [STUCK._replace(action_ref="purged", execution_id=shard) for shard in (2, 5)]
    assert await asking.queues(URL, [2, 5]) == QueuesThere(
        {number: [replace(QUEUE, action_id=number)] for number in (2, 5)}, {"default": POOL}
    )
    assert await asking.checkup(URL) == CHECKUP
    await asking.close()


async def test_nobody_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Here()
    asking = peers(here, "wrong", monkeypatch)
    with pytest.raises(PeerError, match="401 not an executor of this database"):
        await asking.cancel(URL, 7)
    await asking.close()
    assert here.cancelled == []
    gate = PeerGate(Starlette(), here, "right", 1000)
    monkeypatch.undo()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gate)) as client:
        answer = await client.post(f"{URL}{SUBMIT}", content=b"")
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
