"""What the passes ask of the executor, whichever thread it runs in."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.maintenance import MaintenanceRules
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.stats import QueueStats
from attune_executor.engine.views import EngineHealth
from attune_executor.ports.journal import Ownership


class Configurable(Protocol):
    """What of the executor an ExecutorConfig changes."""

    async def set_emergency(self, emergency: Emergency | None) -> None:
        """Relax limits and close actions, or no longer; in force when this returns."""
        ...

    async def limit_requests(self, per_minute: int | None) -> None:
        """Take so many submitting requests a minute; None for as many as come."""
        ...

    async def set_maintenance(self, rules: MaintenanceRules) -> None:
        """Change what maintenance does, from its next task on."""
        ...


class Queues(Configurable, Protocol):
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

    async def held_by_worker(self, pool: str) -> Mapping[str, int]:
        """Executions that each worker of a pool has; those that drain are left out."""
        ...

    def stats(self) -> Sequence[QueueStats]:
        """Every queue, as an immutable snapshot."""
        ...

    def ownerships(self) -> Sequence[Ownership]:
        """The shards that the executor owns."""
        ...

    def health(self) -> EngineHealth:
        """Whether the executor turns."""
        ...
