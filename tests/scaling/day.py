"""One simulated day under every strategy."""

from collections.abc import Sequence
from typing import NamedTuple

from attune_executor.domain.capacity import required_workers, with_buffer
from attune_operator.resources import WorkersSpec
from scaling.cluster import Outcome, Simulation
from scaling.strategies import Attune, PlainHpa, Static
from scaling.traffic import DAY, Execution, needed_slots, ordinary_day

SEED = 2027
SLOTS = 10
CONCURRENCY = 300
MAXIMUM = 30
WORKERS = WorkersSpec(deployment="simulated", slots_per_worker=SLOTS, min_replicas=1, max_replicas=MAXIMUM)
"""Every default, as a policy that only names its Deployment and maximum has it."""


class Day(NamedTuple):
    """A day's traffic and what came of it. ``arrivals`` count by the minute, ``needed`` are slots by the second."""

    arrivals: Sequence[int]
    needed: Sequence[float]
    outcomes: Sequence[Outcome]


def simulate(traffic: Sequence[Execution], *strategies: Attune | Static | PlainHpa, end: int = int(DAY)) -> Day:
    """The same traffic under each strategy."""
    arrivals = [0] * (-(-end // 60))
    for execution in traffic:
        arrivals[int(execution.arrival) // 60] += 1
    outcomes = [Simulation(strategy, SLOTS, CONCURRENCY).run(traffic, end) for strategy in strategies]
    return Day(arrivals, needed_slots(traffic, end, WORKERS.drain_seconds), outcomes)


def sized_by_hand(traffic: Sequence[Execution]) -> int:
    """What an SRE sets who follows the runbook once: the formula for the busiest hour, and the buffer."""
    hours = [0] * 24
    for execution in traffic:
        hours[int(execution.arrival // 3600)] += 1
    average = sum(execution.seconds for execution in traffic) / len(traffic)
    return with_buffer(required_workers(max(hours), average, SLOTS), 50)


def ordinary() -> Day:
    """The day of the picture."""
    traffic = ordinary_day(SEED)
    return simulate(
        traffic,
        Attune(WORKERS, CONCURRENCY),
        Static(sized_by_hand(traffic)),
        PlainHpa(SLOTS, WORKERS.min_replicas, MAXIMUM),
    )
