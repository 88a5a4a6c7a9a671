"""The executor's figures, and whether they can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from attune_executor.domain.stats import QueueStats
from attune_operator.controller.ports import Queues


@dataclass(frozen=True, slots=True)
class Measurements:
    """Figures by action, and why they cannot be trusted; None where they can."""

    stats: Mapping[str, QueueStats]
    distrust: str | None

    @classmethod
    def take(cls, queues: Queues, stale_seconds: float) -> Self:
        """Read them; an executor that has not turned for ``stale_seconds`` is not trusted."""
        health = queues.health()
        distrust = None
        if not health.serving:
            distrust = f"the executor does not serve: {health.detail}"
        elif health.last_turn_age_seconds > stale_seconds:
            distrust = f"the executor has not turned for more than {stale_seconds:g} s: {health.detail}"
        return cls({stats.action_ref: stats for stats in queues.stats()}, distrust)

    def trusted(self, ref: str) -> QueueStats | None:
        """An action's figures; None where there are none to be trusted."""
        return None if self.distrust is not None else self.stats.get(ref)
