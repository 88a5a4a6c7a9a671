"""Traffic by its shape and a seed: what an executor sees of steps, spikes and days."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, log, pi
from random import Random
from typing import NamedTuple

HOUR = 3600.0
DAY = 24 * HOUR


class Execution(NamedTuple):
    """When it arrives and how long it runs, in seconds."""

    arrival: float
    seconds: float


@dataclass(frozen=True, slots=True)
class RunTime:
    """Run times: log-normal, as those of most programs are, of which few take much longer than the rest."""

    mean_seconds: float
    spread: float = 0.5

    def draw(self, random: Random) -> float:
        return random.lognormvariate(log(self.mean_seconds) - self.spread**2 / 2, self.spread)


Rate = Callable[[float], float]
"""Arrivals per second at a time."""


def steady(per_second: float) -> Rate:
    return lambda _: per_second


def step(per_second: float, start: float, end: float) -> Rate:
    """So much from ``start`` to ``end``, and nothing otherwise."""
    return lambda at: per_second if start <= at < end else 0.0


def diurnal(night: float, noon: float) -> Rate:
    """Little at 02:00, much at 14:00, and smoothly from one to the other."""
    return lambda at: night + (noon - night) * (1 - cos(2 * pi * (at / DAY - 2 / 24))) / 2


def together(*rates: Rate) -> Rate:
    return lambda at: sum(rate(at) for rate in rates)


def arrivals(rate: Rate, highest: float, end: float, run_time: RunTime, random: Random) -> list[Execution]:
    """Independent arrivals at a rate that stays below ``highest`` per second, until ``end``."""
    result: list[Execution] = []
    at = random.expovariate(highest)
    while at < end:
        if random.random() * highest < rate(at):
            result.append(Execution(at, run_time.draw(random)))
        at += random.expovariate(highest)
    return result


def spike(count: int, at: float, run_time: RunTime, random: Random) -> list[Execution]:
    """So many at the same time."""
    return [Execution(at, run_time.draw(random)) for _ in range(count)]


def merged(*parts: Sequence[Execution]) -> list[Execution]:
    return sorted(execution for part in parts for execution in part)


def ordinary_day(seed: int) -> list[Execution]:
    """A day as a team knows it: people by day, two jobs by the clock, three bursts that nobody announced."""
    random = Random(seed)  # noqa: S311 - traffic, not cryptography
    run_time = RunTime(20.0)
    people = arrivals(diurnal(0.05, 2.5), 2.6, DAY, run_time, random)
    jobs = arrivals(
        together(step(2.0, 9 * HOUR, 9.75 * HOUR), step(4.0, 22 * HOUR, 22.5 * HOUR)), 4.1, DAY, run_time, random
    )
    bursts = [
        execution
        for hour, count in ((3.0, 400), (12.5, 800), (18.25, 400))
        for execution in spike(count, hour * HOUR, run_time, random)
    ]
    return merged(people, jobs, bursts)


def needed_slots(traffic: Sequence[Execution], end: int, seconds: int) -> list[float]:
    """The work that arrived in the last ``seconds`` over these, at every second: slots that keep up with it."""
    work = [0.0] * (end + 1)
    for execution in traffic:
        if execution.arrival < end:
            work[int(execution.arrival)] += execution.seconds
    needed: list[float] = []
    total = 0.0
    for at in range(end):
        total += work[at] - (work[at - seconds] if at >= seconds else 0.0)
        needed.append(max(total, 0.0) / seconds)
    return needed
