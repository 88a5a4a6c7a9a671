"""What the passes ask of the executor, whichever thread it runs in."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.stats import QueueStats
from attune_executor.engine.views import EngineHealth


class Queues(Protocol):
    """The executor's queues."""

    async def set_policy(self, ref: str, policy: QueuePolicy) -> None:
        """Put a policy in force."""
        ...

    async def remove_policy(self, ref: str) -> None:
        """Close an action; what waits drains."""
        ...

    async def policies(self) -> Mapping[str, QueuePolicy]:
        """Policies in force by action."""
        ...

    def stats(self) -> Sequence[QueueStats]:
        """Every queue, as an immutable snapshot."""
        ...

    def health(self) -> EngineHealth:
        """Whether the executor turns."""
        ...
