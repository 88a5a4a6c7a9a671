"""The decision itself: formula, buffer, depth, backlog, cap, bounds, stabilization, each step visible in the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass

from attune_executor.domain.capacity import required_workers, with_buffer
from attune_operator.resources import ScalingMode, ScalingStatus
from attune_operator.scaling.backlog import backlog_workers
from attune_operator.scaling.demand import PolicyDemand
from attune_operator.scaling.depth import depth_growth
from attune_operator.scaling.explanation import Reason, Steps, deciding_reason, explanation
from attune_operator.scaling.ledger import ledger
from attune_operator.scaling.memory import ScalingMemory
from attune_operator.scaling.shared import SharedSettings
from attune_operator.scaling.stabilization import highest, recommend


@dataclass(frozen=True, slots=True)
class Decision:
    """How many workers a Deployment should have.

    Attributes:
        desired: the number of workers.
        apply: whether to set it; not in the modes Recommend and Off, nor where another autoscaler does.
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
    demands: Sequence[PolicyDemand],
    replicas: int,
    memory: ScalingMemory,
    now: float,
    scaled_by: str | None = None,
    busy: int = 0,
) -> tuple[Decision, ScalingMemory]:
    """Decide how many workers the Deployment that serves ``demands`` should have.

    Args:
        demands: the policies that name the Deployment, at least one; their needs add up in slots.
        replicas: the workers that it is set to now.
        memory: what the last decision returned; a new one for a Deployment seen the first time.
        now: Unix seconds.
        scaled_by: another autoscaler that sets the size of the Deployment; None where there is none.
        busy: workers that are not to be taken away for what they run.

    Returns:
        the decision, and the memory for the next one.
    """
    shared = SharedSettings.of(demands)
    if shared.mode is ScalingMode.OFF:
        return _off(demands, replicas), ScalingMemory()
    apply = shared.mode is ScalingMode.AUTO and scaled_by is None

    slots, buffer_percent = shared.slots, shared.buffer_percent
    base = required_workers(sum(demand.duration_per_hour for demand in demands), 1.0, slots)
    usable_base = required_workers(sum(demand.usable_duration_per_hour for demand in demands), 1.0, slots)
    depth = depth_growth(demands, replicas, slots, memory, now)
    by_backlog = backlog_workers(demands, replicas, slots)
    active = sum(demand.active for demand in demands)
    by_active = -(-active // slots)

    uncapped = max(with_buffer(usable_base, buffer_percent), depth.workers, by_backlog)
    cap = shared.concurrency_cap
    capped = uncapped if cap is None else min(uncapped, cap)
    wanted = max(capped, by_active, 1 if active or any(demand.startable for demand in demands) else 0)
    unknown = tuple(demand.name for demand in demands if not demand.known)
    if unknown:
        wanted = max(wanted, replicas)
    recommended = shared.clamp(wanted)

    seconds = shared.stabilization_seconds
    window = memory.recommendations
    if not window or replicas not in (memory.replicas, memory.desired):
        # Whoever set this size meant it: it is given up as slowly as a recommendation of our own.
        window = recommend(window, replicas, now, seconds)
    window = recommend(window, recommended, now, seconds)
    stabilized = shared.clamp(highest(window))
    desired = max(stabilized, min(busy, replicas))

    steps = Steps(
        scaled_by=scaled_by if shared.mode is ScalingMode.AUTO else None,
        unknown=unknown,
        replicas=replicas,
        waiting=sum(demand.waiting for demand in demands),
        active=active,
        base=base,
        buffered=with_buffer(base, buffer_percent),
        percent=depth.percent,
        by_depth=depth.workers,
        by_backlog=by_backlog,
        by_active=by_active,
        uncapped=uncapped,
        wanted=wanted,
        recommended=recommended,
        stabilized=stabilized,
        desired=desired,
        shared=shared,
    )
    # A size that was already decided, and that the cluster does not show yet, is no news.
    news = desired != replicas and (replicas, desired) != (memory.replicas, memory.desired)
    scaled_at = now if news and apply else memory.scaled_at
    reason = deciding_reason(steps)
    message = explanation(reason, steps)
    decision = Decision(
        desired=desired,
        apply=apply,
        reason=reason,
        message=message,
        limited_by_maximum=wanted > shared.maximum,
        limited_by_concurrency=frozenset(demand.name for demand in demands if demand.concurrency_limited),
        ledger=ledger(demands, steps, reason, message, scaled_at),
    )
    return decision, ScalingMemory(
        recommendations=window,
        held_bands=depth.held_bands,
        grew_at=now if news and desired > replicas else memory.grew_at,
        replicas=replicas,
        desired=desired,
        scaled_at=scaled_at,
    )


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
