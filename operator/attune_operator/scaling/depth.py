"""Growth by the depth of the queue: the runbook's table "Capacity Recommendations".

The formula answers load that repeats; depth answers load that the formula has not seen yet, or whose duration is not
known. A band stays in force until the depth has clearly left it, and between two steps there is time for the new
workers to show their effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from attune_operator.resources import DepthBand
from attune_operator.scaling.demand import PolicyDemand
from attune_operator.scaling.memory import ScalingMemory

STEP_SECONDS: Final = 30.0
"""Seconds between two steps of growth."""
RELEASE_PERCENT: Final = 80
"""A band is left when the depth is below this percentage of where it begins."""


@dataclass(frozen=True, slots=True)
class DepthGrowth:
    """Workers that the depth asks for (0: it asks for none), the band's percentage, and the bands to remember."""

    workers: int
    percent: int
    held_bands: dict[str, int]


def depth_growth(
    demands: Sequence[PolicyDemand], replicas: int, slots: int, memory: ScalingMemory, now: float
) -> DepthGrowth:
    """Workers by the deepest band of the policies, relative to the ``replicas`` that there are.

    Never more than the executions in hand could occupy; a worker beyond them could only idle.
    """
    bands = {
        demand.name: band
        for demand in demands
        if (band := _band(demand.startable, demand.workers.depth_bands, memory.held_bands.get(demand.name)))
    }
    percent = max((band.add_percent for band in bands.values()), default=0)
    held_bands = {name: band.waiting for name, band in bands.items()}
    if percent == 0:
        return DepthGrowth(0, 0, held_bands)
    due = memory.grew_at is None or now - memory.grew_at >= STEP_SECONDS
    grown = replicas + max(1, -(-replicas * percent // 100)) if due else replicas
    in_hand = sum(
        max(demand.active, min(demand.usable_slots, demand.active + demand.startable))
        if demand.name in bands
        else demand.active
        for demand in demands
    )
    return DepthGrowth(min(grown, -(-in_hand // slots)), percent, held_bands)


def _band(depth: int, bands: Sequence[DepthBand], held: int | None) -> DepthBand | None:
    reached = [
        band
        for band in bands
        if depth >= band.waiting or (band.waiting == held and depth * 100 >= band.waiting * RELEASE_PERCENT)
    ]
    return max(reached, key=lambda band: band.waiting, default=None)
