"""A toy of the whole system that keeps every guarantee, and tells its story as clients and workers would.

First in, first out, with slots and groups, workers that die amid a run, answers that are lost, waiters that
are cancelled or purged, and runs that are ended by hand.
It plans on a clock of its own; nothing in it runs.
"""

import heapq
from dataclasses import dataclass, field, replace

from chaos.checker import Verdict, check
from chaos.checker.by_hand import PURGED
from chaos.final import Final, Row, Totals
from chaos.history import (
    Answered,
    CancelAsked,
    CompleteAnswered,
    CompleteAsked,
    Disturbed,
    Event,
    History,
    LimitSet,
    Outcome,
    Part,
    PurgeAnswered,
    PurgeAsked,
    RateSet,
    RunEnded,
    RunStarted,
    Submitted,
    WorkerEnded,
)

TICK = 0.001
"""Between cause and effect."""


@dataclass(frozen=True)
class Job:
    """An execution to be: when after the one before it is asked for, how long its run takes, what goes wrong."""

    action: str
    group: str = ""
    gap: float = 1.0
    seconds: float = 1.0
    answer_lost: bool = False
    cancelled: bool = False
    killed: bool = False
    completed: bool = False
    purged: bool = False


@dataclass
class Story:
    """A history and its end, to be told or to be twisted."""

    events: list[Event] = field(default_factory=list[Event])
    rows: list[Row] = field(default_factory=list[Row])
    totals: dict[str, Totals] = field(default_factory=dict[str, Totals])
    at: float = 0.0

    def verdict(self) -> Verdict:
        return check(History(tuple(self.events)), Final(self.at, tuple(self.rows), self.totals))

    def index(self, execution_id: int) -> int:
        return next(index for index, row in enumerate(self.rows) if row.execution_id == execution_id)


class Toy:
    """Tells what a system with these limits makes of jobs, in the order of asking."""

    def __init__(self, limits: dict[str, int], rates: dict[str, tuple[int, float]] | None = None) -> None:
        self._limits = limits
        self._rates = rates or {}
        self._story = Story()
        self._free: dict[tuple[str, str], list[float]] = {}
        self._last_dispatch: dict[tuple[str, str], float] = {}
        self._orders: dict[str, int] = dict.fromkeys(limits, 0)
        self._dispatch_times: list[tuple[float, int]] = []
        self._dispatches: dict[str, list[float]] = {}
        self._workers = 0

    def tell(self, jobs: list[Job]) -> Story:
        story = self._story
        story.events += [LimitSet(action, limit, 0, 0) for action, limit in self._limits.items()]
        story.events += [RateSet(action, *rate) for action, rate in self._rates.items()]
        now = 10.0
        for number, job in enumerate(jobs, start=1):
            now += job.gap + 4 * TICK
            self._live(number, job, now)
        self._number_dispatches()
        for action in self._limits:
            count = sum(row.action == action for row in story.rows)
            story.totals[action] = Totals(0, 0, count, count)
        story.at = max((event.at for event in story.events if isinstance(event, RunEnded)), default=now) + 100
        return story

    def _live(self, number: int, job: Job, now: float) -> None:
        key, events = f"key-{number}", self._story.events
        events.append(Submitted(key, job.action, job.group, now))
        self._orders[job.action] += 1
        if job.answer_lost:
            events.append(Answered(key, Outcome.UNKNOWN, now + TICK))
            events.append(Submitted(key, job.action, job.group, now + 2 * TICK))
        accepted_at = now + TICK
        events.append(Answered(key, Outcome.ACCEPTED, now + 3 * TICK, 201, number, 0))
        row = Row(number, key, job.action, "succeeded", self._orders[job.action], None, 1, None)
        if job.cancelled:
            events.append(CancelAsked(key, number, now + 3 * TICK))
            self._story.rows.append(replace(row, status="cancelled", attempt=0, ended_at=now + 4 * TICK))
            return
        if job.purged:
            waiting = sum(
                self._story.rows[self._story.index(execution_id)].action == job.action
                for dispatched_at, execution_id in self._dispatch_times
                if dispatched_at > now + 3.25 * TICK
            )
            events.append(PurgeAsked(f"{key}-purge", job.action, now + 3 * TICK))
            events.append(PurgeAnswered(f"{key}-purge", 1, waiting, row.queue_order, now + 3.5 * TICK))
            ended_at = now + 3.25 * TICK
            self._story.rows.append(replace(row, status="cancelled", attempt=0, ended_at=ended_at, said=PURGED))
            return
        slots = job.action, job.group
        free = self._free.setdefault(slots, [0.0] * self._limits[job.action])
        dispatched_at = max(accepted_at, heapq.heappop(free) + TICK, self._last_dispatch.get(slots, 0) + TICK)
        if job.action in self._rates:
            # The execution so many before this one began a whole window ago.
            count, window = self._rates[job.action]
            history = self._dispatches.setdefault(job.action, [])
            if len(history) >= count:
                dispatched_at = max(dispatched_at, history[-count] + window + TICK)
            history.append(dispatched_at)
        self._last_dispatch[slots] = dispatched_at
        self._dispatch_times.append((dispatched_at, number))
        ended_at = self._run(key, dispatched_at + TICK / 2, job)
        heapq.heappush(free, ended_at)
        if job.completed:
            row = replace(row, status="failed", said=f"{key} by hand")
        self._story.rows.append(replace(row, ended_at=ended_at))

    def _run(self, key: str, started_at: float, job: Job) -> float:
        """Tell of one run, or of two where the first one's worker is killed; returns when the end was committed."""
        events = self._story.events
        if job.killed:
            self._workers += 1
            killed_at = started_at + job.seconds / 2
            events.append(RunStarted(f"{key}-killed", key, self._workers, started_at))
            events.append(Disturbed(Part.WORKER, "kill", self._workers, killed_at))
            events.append(WorkerEnded(self._workers, killed_at))
            started_at = killed_at + TICK
        self._workers += 1
        events.append(RunStarted(f"{key}-run", key, self._workers, started_at))
        if job.completed:
            asked_at = started_at + job.seconds / 2
            events.append(CompleteAsked(key, int(key.removeprefix("key-")), "failed", f"{key} by hand", asked_at))
            events.append(CompleteAnswered(key, f"{key} by hand", asked_at + 2 * TICK))
            events.append(RunEnded(f"{key}-run", asked_at + 3 * TICK))
            return asked_at + TICK
        events.append(RunEnded(f"{key}-run", started_at + job.seconds))
        return started_at + job.seconds + TICK

    def _number_dispatches(self) -> None:
        for order, (_, execution_id) in enumerate(sorted(self._dispatch_times), start=1):
            index = self._story.index(execution_id)
            self._story.rows[index] = replace(self._story.rows[index], dispatch_order=order)
