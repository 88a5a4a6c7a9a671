"""The decision itself: formula, buffer, depth, cap, clamps, stabilization, each step visible in the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from attune_executor.domain.capacity import required_workers, with_buffer
from attune_operator.resources import ScalingMode, ScalingStatus
from attune_operator.scaling.demand import PolicyDemand
from attune_operator.scaling.depth import depth_growth
from attune_operator.scaling.explanation import Reason, Steps, deciding_reason, explanation
from attune_operator.scaling.memory import ScalingMemory
from attune_operator.scaling.stabilization import highest, recommend


@dataclass(frozen=True, slots=True)
class Decision:
    """How many workers a Deployment should have.

    Attributes:
        desired: the number of workers.
        apply: whether to set it; not in the modes Recommend and Off.
        reason: what decided, and ``message`` the same in a sentence.
        limited_by_maximum: whether the load asks for more than maxReplicas.
        limited_by_concurrency: the policies that could not use more workers unless their concurrency is raised.
        ledger: every step for the status; None in mode Off, which decides nothing.
    """

    desired: int
    apply: bool
    reason: Reason
    message: str
    limited_by_maximum: bool
    limited_by_concurrency: frozenset[str]
    ledger: ScalingStatus | None


def decide(
    demands: Sequence[PolicyDemand], replicas: int, memory: ScalingMemory, now: float
) -> tuple[Decision, ScalingMemory]:
    """Decide how many workers the Deployment that serves ``demands`` should have.

    Args:
        demands: the policies that name the Deployment, at least one; their needs add up in slots.
        replicas: the workers that it is set to now.
        memory: what the last decision returned; a new one for a Deployment seen the first time.
        now: Unix seconds.

    Returns:
        the decision, and the memory for the next one.
    """
    mode = _most_cautious(demands)
    if mode is ScalingMode.OFF:
        return _off(demands, replicas), ScalingMemory()

    slots = min(demand.workers.slots_per_worker for demand in demands)
    buffer_percent = max(demand.workers.buffer_percent for demand in demands)
    minimum = max(demand.workers.min_replicas for demand in demands)
    maximum = max(demand.workers.max_replicas for demand in demands)
    seconds = max(demand.workers.scale_down.stabilization_seconds for demand in demands)
    active = sum(demand.active for demand in demands)
    startable = sum(demand.startable for demand in demands)
    unknown = tuple(demand.name for demand in demands if demand.stats is None)

    base = required_workers(sum(demand.duration_per_hour for demand in demands), 1.0, slots)
    usable_base = required_workers(sum(demand.usable_duration_per_hour for demand in demands), 1.0, slots)
    depth = depth_growth(demands, replicas, slots, memory, now)
    concurrency = sum(demand.concurrency for demand in demands)
    cap = -(-concurrency // slots)
    by_active = -(-active // slots)

    uncapped = max(with_buffer(usable_base, buffer_percent), depth.workers)
    wanted = max(min(uncapped, cap), by_active, 1 if active or startable else 0)
    if unknown:
        wanted = max(wanted, replicas)
    recommended = _clamp(wanted, minimum, maximum)

    window = memory.recommendations
    if not window or replicas not in (memory.replicas, memory.desired):
        # Whoever set this size meant it: it is given up as slowly as a recommendation of our own.
        window = recommend(window, replicas, now, seconds)
    window = recommend(window, recommended, now, seconds)
    desired = _clamp(highest(window), minimum, maximum)

    steps = Steps(
        unknown=unknown,
        replicas=replicas,
        waiting=sum(demand.waiting for demand in demands),
        concurrency=concurrency,
        base=base,
        buffered=with_buffer(base, buffer_percent),
        percent=depth.percent,
        by_depth=depth.workers,
        by_active=by_active,
        cap=cap,
        minimum=minimum,
        maximum=maximum,
        uncapped=uncapped,
        wanted=wanted,
        recommended=recommended,
        stabilization_seconds=seconds,
        desired=desired,
    )
    reason = deciding_reason(steps)
    # A size that was already decided, and that the cluster does not show yet, is no news.
    news = desired != replicas and (replicas, desired) != (memory.replicas, memory.desired)
    scaled_at = now if news and mode is ScalingMode.AUTO else memory.scaled_at
    message = explanation(reason, steps)
    ledger = ScalingStatus(
        mode=mode,
        policies=len(demands),
        peak_per_hour=round(sum(demand.peak_per_hour for demand in demands)),
        average_duration_seconds=_average_duration(demands),
        waiting=steps.waiting,
        active=active,
        slots_per_worker=slots,
        base_workers=base,
        buffered_workers=steps.buffered,
        depth_band_percent=depth.percent,
        depth_workers=depth.workers,
        active_workers=by_active,
        concurrency_cap=cap,
        min_replicas=minimum,
        max_replicas=maximum,
        recommended=recommended,
        desired=desired,
        reason=reason,
        message=message,
        last_scale_time=None if scaled_at is None else datetime.fromtimestamp(int(scaled_at), UTC),
    )
    decision = Decision(
        desired=desired,
        apply=mode is ScalingMode.AUTO,
        reason=reason,
        message=message,
        limited_by_maximum=wanted > maximum,
        limited_by_concurrency=frozenset(demand.name for demand in demands if demand.concurrency_limited),
        ledger=ledger,
    )
    return decision, ScalingMemory(
        recommendations=window,
        held_bands=depth.held_bands,
        grew_at=now if news and desired > replicas else memory.grew_at,
        replicas=replicas,
        desired=desired,
        scaled_at=scaled_at,
    )


def _most_cautious(demands: Sequence[PolicyDemand]) -> ScalingMode:
    modes = {demand.workers.mode for demand in demands}
    return next(mode for mode in (ScalingMode.OFF, ScalingMode.RECOMMEND, ScalingMode.AUTO) if mode in modes)


def _off(demands: Sequence[PolicyDemand], replicas: int) -> Decision:
    names = ", ".join(demand.name for demand in demands if demand.workers.mode is ScalingMode.OFF)
    return Decision(
        desired=replicas,
        apply=False,
        reason=Reason.OFF,
        message=f"workers.mode is Off in {names}: the Deployment is left alone",
        limited_by_maximum=False,
        limited_by_concurrency=frozenset(),
        ledger=None,
    )


def _clamp(workers: int, minimum: int, maximum: int) -> int:
    return max(minimum, min(workers, maximum))


def _average_duration(demands: Sequence[PolicyDemand]) -> float | None:
    measured = [demand for demand in demands if demand.stats and demand.stats.load.average_duration_seconds is not None]
    peak = sum(demand.peak_per_hour for demand in measured)
    return round(sum(demand.duration_per_hour for demand in measured) / peak, 3) if peak else None
