"""What a decision has to know of earlier ones, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Recommendation(NamedTuple):
    """So many workers were recommended at a time, in Unix seconds."""

    at: float
    workers: int


@dataclass(frozen=True, slots=True)
class ScalingMemory:
    """What is remembered of a Deployment from one decision to the next; empty for a Deployment seen the first time.

    Attributes:
        recommendations: the stabilization window, oldest first and each smaller than the one before: an older one that
            is no larger than a newer one can never be the highest again.
        held_bands: policy to the depth at which the band that applied to it begins.
        grew_at: when workers were last added, in Unix seconds; depth adds again only some time after.
        replicas: workers that the Deployment had at the last decision.
        desired: workers that the last decision wanted.
        scaled_at: when a decision last changed the number of workers, in Unix seconds.
    """

    recommendations: tuple[Recommendation, ...] = ()
    held_bands: Mapping[str, int] = field(default_factory=dict[str, int])
    grew_at: float | None = None
    replicas: int | None = None
    desired: int | None = None
    scaled_at: float | None = None
