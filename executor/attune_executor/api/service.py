"""What the API needs of the engine."""

from collections.abc import Sequence
from typing import Protocol

from attune_executor.domain.stats import QueueStats
from attune_executor.domain.submission import ExecutionRequest, Receipt, Refusal
from attune_executor.engine.views import EngineHealth, ExecutionView, UnavailableError


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

    async def execution(self, execution_id: int) -> ExecutionView | None:
        """One execution; raises UnavailableError."""
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

    async def execution(self, execution_id: int) -> ExecutionView | None:
        """Nothing is known."""
        raise UnavailableError(f"no engine runs here to know execution {execution_id}")

    def health(self) -> EngineHealth:
        """It does not turn."""
        return EngineHealth(serving=False, last_turn_age_seconds=0.0, broker_connected=False, detail="no engine")
