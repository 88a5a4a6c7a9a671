"""The settings of a Deployment where policies share it: each disagreement has one answer (ADR 7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Self

from attune_operator.resources import ScalingMode
from attune_operator.scaling.demand import PolicyDemand


@dataclass(frozen=True, slots=True)
class SharedSettings:
    """What counts for the Deployment.

    Attributes:
        mode: the most cautious.
        slots: the fewest slots of a worker.
        buffer_percent: the largest buffer.
        minimum: the highest lower bound.
        maximum: the highest upper bound.
        stabilization_seconds: the longest window.
        concurrency: executions that all policies together allow at a time; None where groups have no such limit.
    """

    mode: ScalingMode
    slots: int
    buffer_percent: int
    minimum: int
    maximum: int
    stabilization_seconds: int
    concurrency: int | None

    @classmethod
    def of(cls, demands: Sequence[PolicyDemand]) -> Self:
        """The settings of at least one policy."""
        workers = [demand.workers for demand in demands]
        modes = {each.mode for each in workers}
        concurrency = sum(demand.most_slots for demand in demands)
        return cls(
            mode=next(mode for mode in (ScalingMode.OFF, ScalingMode.RECOMMEND, ScalingMode.AUTO) if mode in modes),
            slots=min(each.slots_per_worker for each in workers),
            buffer_percent=max(each.buffer_percent for each in workers),
            minimum=max(each.min_replicas for each in workers),
            maximum=max(each.max_replicas for each in workers),
            stabilization_seconds=max(each.scale_down.stabilization_seconds for each in workers),
            concurrency=None if concurrency == inf else int(concurrency),
        )

    @property
    def concurrency_cap(self) -> int | None:
        """Workers that the concurrency can keep busy; None for any number."""
        return None if self.concurrency is None else -(-self.concurrency // self.slots)

    def clamp(self, workers: int) -> int:
        """``workers`` within the bounds."""
        return max(self.minimum, min(workers, self.maximum))
