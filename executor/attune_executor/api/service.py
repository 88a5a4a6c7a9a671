"""What the API needs of the engine."""

from collections.abc import Sequence
from typing import Protocol

from attune_executor.domain.stats import QueueStats
from attune_executor.domain.submission import ExecutionRequest, Receipt, Refusal
from attune_executor.engine.views import EngineHealth, ExecutionView


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
