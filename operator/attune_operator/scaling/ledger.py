"""The steps of a decision as the status shows them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from attune_executor.domain.durations import DurationPercentiles
from attune_operator.resources import ScalingStatus
from attune_operator.scaling.demand import PolicyDemand
from attune_operator.scaling.explanation import Reason, Steps


def ledger(
    demands: Sequence[PolicyDemand], steps: Steps, reason: Reason, message: str, scaled_at: float | None
) -> ScalingStatus:
    """The ledger of one decision; ``scaled_at`` is when one last changed the number of workers, in Unix seconds."""
    shared = steps.shared
    durations = _slowest(demands)
    return ScalingStatus(
        mode=shared.mode,
        policies=len(demands),
        peak_per_hour=round(sum(demand.peak_per_hour for demand in demands)),
        arrivals_per_hour=round(sum(demand.stats.load.arrivals_per_hour for demand in demands if demand.stats)),
        average_duration_seconds=_average_duration(demands),
        duration_p50_seconds=round(durations.p50, 3) if durations else None,
        duration_p95_seconds=round(durations.p95, 3) if durations else None,
        duration_p99_seconds=round(durations.p99, 3) if durations else None,
        waiting=steps.waiting,
        active=steps.active,
        slots_per_worker=shared.slots,
        base_workers=steps.base,
        buffered_workers=steps.buffered,
        depth_band_percent=steps.percent,
        depth_workers=steps.by_depth,
        backlog_workers=steps.by_backlog,
        active_workers=steps.by_active,
        concurrency_cap=shared.concurrency_cap,
        min_replicas=shared.minimum,
        max_replicas=shared.maximum,
        recommended=steps.recommended,
        desired=steps.desired,
        reason=reason,
        message=message,
        last_scale_time=None if scaled_at is None else datetime.fromtimestamp(int(scaled_at), UTC),
    )


def _average_duration(demands: Sequence[PolicyDemand]) -> float | None:
    """Weighted by what arrives at the peaks; where nothing does, the longest."""
    measured = [(demand.peak_per_hour, demand.seconds) for demand in demands if demand.seconds is not None]
    peak = sum(per_hour for per_hour, _ in measured)
    if peak:
        return round(sum(per_hour * seconds for per_hour, seconds in measured) / peak, 3)
    return max((round(seconds, 3) for _, seconds in measured), default=None)


def _slowest(demands: Sequence[PolicyDemand]) -> DurationPercentiles | None:
    """Percentiles of several actions do not add up: those of the slowest are told."""
    known = [demand.stats.load.durations for demand in demands if demand.stats and demand.stats.load.durations]
    return max(known, key=lambda durations: durations.p95, default=None)
