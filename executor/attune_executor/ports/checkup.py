"""What a physician of the executors asks for: which part does its work, who reports, and why each queue waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from attune_executor.domain.backlog import Backlog
from attune_executor.domain.standing import Standing
from attune_executor.domain.worker_pool import WorkerPool
from attune_executor.ports.broker import QueueDepth
from attune_executor.ports.locks import LockHolder
from attune_executor.vital import Vital

_DELAYED_SECONDS: Final = 2.0
"""A report waits for the turn under way and its own, which is milliseconds."""


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the executor. Times are Unix seconds.

    Attributes:
        ok: whether it does its work now.
        since: since when that is so.
        last_success: when it last did; None: not yet.
        last_error: what it last failed of, also once that is over; None: of nothing.
    """

    name: str
    ok: bool
    since: float
    last_success: float | None
    last_error: str | None

    @classmethod
    def of(cls, name: str, vital: Vital) -> Self:
        """A part with these signs of life."""
        return cls(name, vital.ok, vital.since, vital.last_success, vital.last_error)


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker as it last announced itself; ``unanswered`` counts the roll calls since its last heartbeat."""

    name: str
    slots: int
    held: int
    draining: bool
    unanswered: int


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool and its workers; ``in_flight`` counts the executions dispatched to it and not finished."""

    name: str
    slots: int
    idle_slots: int
    in_flight: int
    workers: Sequence[WorkerView]

    @classmethod
    def of(cls, pool: WorkerPool) -> Self:
        """The pool as it is now."""
        workers = [
            WorkerView(each.name, each.slots, len(each.held), each.draining, each.unanswered)
            for each in pool.workers.values()
        ]
        return cls(pool.name, pool.slots, pool.idle_slots, pool.in_flight, workers)


@dataclass(frozen=True, slots=True)
class Checkup:
    """One shard at one moment.

    Attributes:
        serving: whether turns are committed, and ``detail`` why or why not.
        last_turn_age_seconds: since the turn loop last came round.
        roll_call_seconds: between two roll calls.
        reports: what workers have reported and no turn has committed.
        depths: the queues at the broker, those of reports first; None while it is away.
    """

    serving: bool
    detail: str
    last_turn_age_seconds: float
    roll_call_seconds: float
    components: Sequence[Component]
    reports: Backlog
    depths: Sequence[QueueDepth] | None
    pools: Sequence[PoolView]
    standings: Sequence[Standing]

    @property
    def delayed(self) -> bool:
        """Whether turns are not what they should be, so that it is worth asking the database who is in their way."""
        oldest = self.reports.oldest_seconds
        return not self.serving or (oldest is not None and oldest > _DELAYED_SECONDS)


@dataclass(frozen=True, slots=True)
class ExecutorCheckup:
    """An executor at one moment.

    Attributes:
        name: as it owns shards.
        url: where the others reach it; None where it shares with nobody.
        shards: those that it serves, by number.
        fifo_violations: executions that it found overtaken, in any shard, since it started; anything but 0 is a bug.
        lock_holders: sessions of the database that this executor waits for; looked for while its turns are slow.
    """

    name: str
    url: str | None
    shards: Mapping[int, Checkup]
    fifo_violations: int
    lock_holders: Sequence[LockHolder] = ()


@dataclass(frozen=True, slots=True)
class SilentExecutor:
    """An executor that is alive by what it writes in the database, and does not answer the others.

    Attributes:
        shards: those that it owns.
        reason: why it did not answer.
    """

    name: str
    url: str
    shards: Sequence[int]
    reason: str


@dataclass(frozen=True, slots=True)
class FleetCheckup:
    """All executors that share the shards, at one moment; ``shard_count`` counts the shards of all together."""

    shard_count: int
    answered: Sequence[ExecutorCheckup] = ()
    silent: Sequence[SilentExecutor] = ()

    @property
    def unserved(self) -> Sequence[int]:
        """Shards that nobody serves: being taken over, or owned by somebody who cannot serve them."""
        told = {number for each in self.answered for number in each.shards}
        return sorted(set(range(self.shard_count)) - told - {number for each in self.silent for number in each.shards})

    @property
    def fifo_violations(self) -> int:
        """The most that any executor found: each of them looks at every shard."""
        return max((each.fifo_violations for each in self.answered), default=0)

    @property
    def lock_holders(self) -> Sequence[LockHolder]:
        """Sessions of the database that any executor waits for, each once."""
        return list({holder.pid: holder for each in self.answered for holder in each.lock_holders}.values())
