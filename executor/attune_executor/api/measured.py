"""The engine as the API sees it, with a meter that hears of what was submitted and how it was answered."""

from collections.abc import Sequence
from time import monotonic

from attune_executor.api.service import ExecutionService
from attune_executor.domain.execution import Ending
from attune_executor.domain.maintenance import Task, TaskReport
from attune_executor.domain.purge import PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.stats import QueueStats
from attune_executor.domain.stuck import StuckExecution, StuckQuery
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.domain.throughput import Throughput
from attune_executor.engine.views import EngineHealth, ExecutionView, UnavailableError
from attune_executor.metrics.meter import ExecutorMeter


class MeasuredService:
    """The service behind it, measured."""

    def __init__(self, service: ExecutionService, meter: ExecutorMeter) -> None:
        self._service = service
        self._meter = meter

    async def submit(self, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
        """Accept or refuse requests, in order; raises UnavailableError."""
        began = monotonic()
        try:
            outcomes = await self._service.submit(requests)
        except UnavailableError:
            self._meter.unavailable(len(requests))
            raise
        self._meter.answered(outcomes, monotonic() - began)
        return outcomes

    def stats(self) -> Sequence[QueueStats]:
        """Every queue, at most a fraction of a second old."""
        return self._service.stats()

    def stats_of(self, ref: str) -> QueueStats | None:
        """One queue as it is now."""
        return self._service.stats_of(ref)

    async def throughput(self, ref: str | None = None) -> Sequence[Throughput]:
        """What came and what ended lately, of one action or of all; raises UnavailableError."""
        return await self._service.throughput(ref)

    async def execution(self, execution_id: int) -> ExecutionView | None:
        """One execution; raises UnavailableError."""
        return await self._service.execution(execution_id)

    async def cancel(self, execution_id: int) -> Intervention:
        """Keep an execution from running, or have its worker stop it; raises UnavailableError."""
        return await self._service.cancel(execution_id)

    async def maintenance(self) -> Sequence[TaskReport]:
        """How the tasks of maintenance stand; raises UnavailableError."""
        return await self._service.maintenance()

    async def run_maintenance(self, task: Task) -> TaskReport:
        """Have a task run now; raises UnavailableError."""
        return await self._service.run_maintenance(task)

    async def complete(self, execution_id: int, ending: Ending) -> Intervention:
        """End an execution as an operator says; raises UnavailableError."""
        return await self._service.complete(execution_id, ending)

    async def purge(self, order: PurgeOrder) -> PurgeReport | PurgeRefused | None:
        """Cancel what waits for an action; None where it is unknown. Raises UnavailableError."""
        return await self._service.purge(order)

    async def stuck(self, query: StuckQuery) -> Sequence[StuckExecution]:
        """Executions that nothing was heard of for long, the oldest first; raises UnavailableError."""
        return await self._service.stuck(query)

    def health(self) -> EngineHealth:
        """Whether the engine turns."""
        return self._service.health()
