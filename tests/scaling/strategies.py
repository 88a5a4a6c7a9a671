"""Who sets the size: this operator's own decision, a fixed size, and a HorizontalPodAutoscaler on CPU."""

from collections import deque
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple, Protocol

from attune_executor.domain.load import LoadMeter
from attune_executor.domain.policy import Admission
from attune_executor.domain.stats import QueueStats
from attune_operator.resources import WorkersSpec
from attune_operator.scaling import PolicyDemand, ScalingMemory, decide

EPOCH = 1_800_000_000 // 86_400 * 86_400
"""Simulated time begins at a midnight."""


class Look(NamedTuple):
    """What can be seen of the simulated Deployment at a second."""

    now: float
    replicas: int
    ready: int
    waiting: int
    active: int
    load: LoadMeter


class Strategy(Protocol):
    """Decides the size once a second."""

    @property
    def name(self) -> str: ...

    @property
    def window_seconds(self) -> int:
        """How far back the load is measured."""
        ...

    def size(self, look: Look) -> int: ...


@dataclass(slots=True)
class Attune:
    """The decision as the operator takes it, from figures as the executor measures them."""

    workers: WorkersSpec
    concurrency: int
    name: str = "Attune"
    blind: tuple[float, float] | None = None
    """From when until when nothing can be measured."""
    memory: ScalingMemory = field(default_factory=ScalingMemory)

    @property
    def window_seconds(self) -> int:
        return self.workers.peak_window_seconds

    def size(self, look: Look) -> int:
        now = EPOCH + look.now
        stats = QueueStats(
            1,
            "simulated",
            look.waiting,
            look.active,
            self.concurrency,
            None,
            0,
            0,
            0,
            now,
            look.load.load(now),
        )
        blind = self.blind is not None and self.blind[0] <= look.now < self.blind[1]
        demand = PolicyDemand("simulated", self.concurrency, Admission.OPEN, self.workers, None if blind else stats)
        decision, self.memory = decide([demand], look.replicas, self.memory, now)
        return decision.desired


@dataclass(frozen=True, slots=True)
class Static:
    """One size for ever."""

    replicas: int
    name: str = "static"
    window_seconds: int = 3600

    def size(self, look: Look) -> int:
        del look
        return self.replicas


@dataclass(slots=True)
class PlainHpa:
    """The HorizontalPodAutoscaler with its defaults, on CPU.

    Generous to it: a busy slot uses its share of the CPU exactly, and the metric is never late. Every 15 s the size
    becomes ``ceil(ready × utilisation / target)`` unless that is within 10 %; up by 4 pods or 100 % at most, whichever
    is more; down to the highest size that was asked for within five minutes.
    """

    slots: int
    minimum: int
    maximum: int
    target: float = 0.7
    name: str = "HPA on CPU"
    window_seconds: int = 3600
    _recent: deque[float] = field(default_factory=lambda: deque[float](maxlen=30))
    _asked: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])

    def size(self, look: Look) -> int:
        self._recent.append(look.active / (look.ready * self.slots) if look.ready else 0.0)
        if look.now % 15:
            return look.replicas
        ratio = sum(self._recent) / len(self._recent) / self.target
        asked = look.replicas if abs(ratio - 1) <= 0.1 else ceil(look.ready * ratio)
        asked = max(self.minimum, min(self.maximum, asked, max(look.replicas + 4, look.replicas * 2)))
        self._asked.append((look.now, asked))
        while self._asked[0][0] <= look.now - 300:
            self._asked.popleft()
        return max(size for _, size in self._asked) if asked < look.replicas else asked
