"""What the API needs of the engine."""

from collections.abc import Sequence
from typing import Protocol

from attune_executor.domain.execution import Ending
from attune_executor.domain.maintenance import Task, TaskReport
from attune_executor.domain.purge import PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.stats import QueueStats
from attune_executor.domain.stuck import StuckExecution, StuckQuery
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.domain.throughput import Throughput
from attune_executor.engine.views import EngineHealth, ExecutionView, UnavailableError
from attune_executor.ports.history import HistoryPage, HistoryQuery
from attune_executor.ports.journal import JournalError


class ExecutionService(Protocol):
    """The engine as the API sees it."""

    async def submit(self, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
        """Accept or refuse requests, in order; raises UnavailableError."""
        ...

    def stats(self) -> Sequence[QueueStats]:
        """Every queue, at most a fraction of a second old."""
        ...

    def stats_of(self, ref: str) -> QueueStats | None:
        """One queue as it is now."""
        ...

    async def throughput(self, ref: str | None = None) -> Sequence[Throughput]:
        """What came and what ended lately, of one action or of all; raises UnavailableError."""
        ...

    async def execution(self, execution_id: int) -> ExecutionView | None:
        """One execution; raises UnavailableError."""
        ...

    async def cancel(self, execution_id: int) -> Intervention:
        """Keep an execution from running, or have its worker stop it; raises UnavailableError."""
        ...

    async def complete(self, execution_id: int, ending: Ending) -> Intervention:
        """End an execution as an operator says; raises UnavailableError."""
        ...

    async def purge(self, order: PurgeOrder) -> PurgeReport | PurgeRefused | None:
        """Cancel what waits for an action; None where it is unknown. Raises UnavailableError."""
        ...

    async def stuck(self, query: StuckQuery) -> Sequence[StuckExecution]:
        """Executions that nothing was heard of for long, the oldest first; raises UnavailableError."""
        ...

    async def maintenance(self) -> Sequence[TaskReport]:
        """How the tasks of maintenance stand; raises UnavailableError."""
        ...

    async def run_maintenance(self, task: Task) -> TaskReport:
        """Have a task run now, unless it is switched off; raises UnavailableError."""
        ...

    def health(self) -> EngineHealth:
        """Whether the engine turns."""
        ...


class AbsentService:
    """No engine: for the description of the API, which needs none."""

    async def submit(self, requests: Sequence[ExecutionRequest]) -> Sequence[Receipt | Refusal]:
        """Nothing is accepted."""
        raise UnavailableError(f"no engine runs here, {len(requests)} requests refused")

    def stats(self) -> Sequence[QueueStats]:
        """There is no queue."""
        return ()

    def stats_of(self, ref: str) -> QueueStats | None:
        """There is no queue."""
        del ref

    async def throughput(self, ref: str | None = None) -> Sequence[Throughput]:
        """Nothing came."""
        del ref
        return ()

    async def execution(self, execution_id: int) -> ExecutionView | None:
        """Nothing is known."""
        raise UnavailableError(f"no engine runs here to know execution {execution_id}")

    async def cancel(self, execution_id: int) -> Intervention:
        """Nothing is cancelled."""
        raise UnavailableError(f"no engine runs here to cancel execution {execution_id}")

    async def maintenance(self) -> Sequence[TaskReport]:
        """There is none."""
        return ()

    async def run_maintenance(self, task: Task) -> TaskReport:
        """Nothing is done."""
        raise UnavailableError(f"no engine runs here to do {task}")

    async def complete(self, execution_id: int, ending: Ending) -> Intervention:
        """Nothing is ended."""
        raise UnavailableError(f"no engine runs here to have execution {execution_id} be {ending.status.value}")

    async def purge(self, order: PurgeOrder) -> PurgeReport | PurgeRefused | None:
        """Nothing is purged."""
        raise UnavailableError(f"no engine runs here to purge {order.action_ref}")

    async def stuck(self, query: StuckQuery) -> Sequence[StuckExecution]:
        """Nothing is known."""
        raise UnavailableError(f"no engine runs here to answer {query}")

    def health(self) -> EngineHealth:
        """It does not turn."""
        return EngineHealth(serving=False, last_turn_age_seconds=0.0, broker_connected=False, detail="no engine")


class AbsentHistory:
    """No database: for the description of the API, which needs none."""

    async def page(self, query: HistoryQuery) -> HistoryPage | None:
        """Nothing is known."""
        raise JournalError(f"no database here to answer {query}")
