"""A Deployment in simulated time: pods that take a while to start, slots that executions wait for in order."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise
from math import inf

from attune_executor.domain.load import LoadMeter
from scaling.strategies import EPOCH, Look, Strategy
from scaling.traffic import Execution

POD_SECONDS = 10
"""Until a new pod takes executions: pulled, started, ready."""


@dataclass(slots=True)
class Outcome:
    """What came of a strategy: a number for each second, and how long each execution waited, in order of arrival."""

    name: str
    replicas: list[int] = field(default_factory=list[int])
    oldest: list[float] = field(default_factory=list[float])
    """For how long the execution at the head of the queue has waited."""
    waits: list[float] = field(default_factory=list[float])

    @property
    def worker_hours(self) -> float:
        return sum(self.replicas) / 3600

    @property
    def changes(self) -> list[int]:
        """By how much the size was changed, each time."""
        return [after - before for before, after in pairwise(self.replicas) if before != after]

    @property
    def turns(self) -> int:
        """How often growth followed shrinking or the other way round."""
        return sum(1 for one, two in pairwise(self.changes) if (one > 0) != (two > 0))

    def late(self, seconds: float) -> float:
        """Percentage of the executions that waited longer."""
        return 100 * sum(1 for wait in self.waits if wait > seconds) / len(self.waits)


class Simulation:
    """One Deployment, one queue, one strategy.

    Workers that are taken away were idle or finish what they run: a slot that is gone takes nothing new.
    """

    def __init__(self, strategy: Strategy, slots: int, concurrency: int, replicas: int = 1) -> None:
        self._strategy = strategy
        self._slots = slots
        self._concurrency = concurrency
        self._ready = replicas
        self._starting: deque[float] = deque()
        self._waiting: deque[Execution] = deque()
        self._running: list[tuple[float, float]] = []
        self._load = LoadMeter(strategy.window_seconds)
        self._outcome = Outcome(strategy.name)

    def run(self, traffic: Sequence[Execution], end: int) -> Outcome:
        """Until ``end``, in seconds."""
        upcoming = deque(traffic)
        for second in range(end):
            while self._starting and self._starting[0] <= second:
                self._starting.popleft()
                self._ready += 1
            self._advance(second, upcoming)
            replicas = self._ready + len(self._starting)
            look = Look(second, replicas, self._ready, len(self._waiting), len(self._running), self._load)
            self._resize(self._strategy.size(look), second)
            self._outcome.replicas.append(self._ready + len(self._starting))
            self._outcome.oldest.append(second - self._waiting[0].arrival if self._waiting else 0.0)
        return self._outcome

    def _advance(self, second: int, upcoming: deque[Execution]) -> None:
        """What arrives and what ends within the second that begins now, in order."""
        self._fill(second)
        while True:
            arrival = upcoming[0].arrival if upcoming else inf
            ending = self._running[0][0] if self._running else inf
            at = min(arrival, ending)
            if at >= second + 1:
                return
            if arrival <= ending:
                self._waiting.append(upcoming.popleft())
                self._load.arrived(EPOCH + at)
            else:
                _, seconds = heappop(self._running)
                self._load.finished(EPOCH + at, seconds)
            self._fill(at)

    def _fill(self, now: float) -> None:
        room = min(self._ready * self._slots, self._concurrency) - len(self._running)
        while room > 0 and self._waiting:
            execution = self._waiting.popleft()
            self._outcome.waits.append(now - execution.arrival)
            heappush(self._running, (now + execution.seconds, execution.seconds))
            room -= 1

    def _resize(self, replicas: int, now: float) -> None:
        while self._ready + len(self._starting) < replicas:
            self._starting.append(now + POD_SECONDS)
        while self._starting and self._ready + len(self._starting) > replicas:
            self._starting.pop()
        self._ready = min(self._ready, replicas)
