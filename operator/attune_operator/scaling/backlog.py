"""Growth by the work in hand: the workers that clear it in time. The answer to a burst, in one step.

The formula knows load that repeats, and the depth bands grow by shares of what is there. Where it is known how long
executions take, neither has to be waited for: the work in hand divided by the time in which it is to be done is a
number of slots.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, isinf

from attune_operator.scaling.demand import PolicyDemand

TOLERANCE_PERCENT = 10
"""A size that would take this much longer than was asked for is good enough: it is not changed for so little."""


def backlog_workers(demands: Sequence[PolicyDemand], replicas: int, slots_per_worker: int) -> int:
    """Workers that clear what waits and what is active within each policy's drainSeconds.

    ``(waiting + active) × average duration / (drainSeconds × slotsPerWorker)`` over all policies, rounded up; of each
    policy never more slots than it has executions in hand, or than its concurrency and its rate limit let it use.

    Returns:
        0 where nothing waits that a further worker could start, or nothing is known about how long it takes.
    """
    if not any(_clearing(demand) for demand in demands):
        return 0
    slots = sum(_slots(demand) for demand in demands)
    workers = ceil(slots / slots_per_worker)
    enough = slots * 100 <= replicas * slots_per_worker * (100 + TOLERANCE_PERCENT)
    return min(workers, replicas) if enough else workers


def _clearing(demand: PolicyDemand) -> bool:
    return demand.startable > 0 and demand.seconds is not None and demand.workers.drain_seconds > 0


def _slots(demand: PolicyDemand) -> Fraction:
    if not _clearing(demand):
        return Fraction(demand.active)
    seconds = Fraction(demand.seconds or 0).limit_denominator(10**6)
    startable = demand.startable
    if not isinf(demand.starts_per_second):
        startable = min(startable, ceil(demand.starts_per_second * demand.workers.drain_seconds))
    in_hand = demand.active + startable
    in_time = in_hand * seconds / demand.workers.drain_seconds
    return min(in_time, Fraction(max(demand.active, min(in_hand, demand.usable_slots))))
