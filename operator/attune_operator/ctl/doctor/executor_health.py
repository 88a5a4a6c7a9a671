"""What `GET /api/v1/health` of the executor says, as far as the doctor judges it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from attune_executor.domain.admission import Closure
from attune_executor.domain.standing import WaitsFor
from attune_operator.ctl.errors import UnreachableError


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Component(_Answer):
    """One part of the executor: whether it works, since when, when it last did, what it last failed of."""

    name: str
    ok: bool
    since: datetime
    last_success: datetime | None = None
    last_error: str | None = None


class BrokerQueue(_Answer):
    """A queue at the broker."""

    name: str
    messages: int
    consumers: int


class ReportBacklog(_Answer):
    """What workers have reported and no turn has committed."""

    messages: int = 0
    oldest_seconds: float | None = None


class LockHolder(_Answer):
    """A session of the database that the executor waits for; None is what it may not see of it."""

    pid: int
    user: str | None = None
    application: str | None = None
    state: str | None = None
    seconds: float | None = None


class Worker(_Answer):
    """A worker that announced itself; a roll call is unanswered until its next heartbeat."""

    name: str
    slots: int
    held: int
    draining: bool = False
    unanswered_roll_calls: int = 0

    def runs_in(self, pod: str) -> bool:
        """Whether it is the worker in a pod: it has the pod's name, and a process id where that is not 1."""
        return self.name == pod or self.name.rpartition("-")[0] == pod


class Pool(_Answer):
    """A worker pool and the workers that answer."""

    name: str
    slots: int
    idle_slots: int
    in_flight: int = 0
    workers: tuple[Worker, ...] = ()


class ActionStanding(_Answer):
    """How one action's queue stands."""

    action_ref: str
    pool: str
    queue_length: int = 0
    active_count: int = 0
    waits_for: WaitsFor | None = None
    goes_on_at: datetime | None = None
    closed_by: Closure | None = None


class Shard(_Answer):
    """One shard of the executor; ``queues`` are those of reports first, None while the broker is away."""

    shard: int = 0
    serving: bool = True
    detail: str = "serving"
    last_turn_age_seconds: float = 0.0
    roll_call_seconds: float = 5.0
    components: tuple[Component, ...] = ()
    reports: ReportBacklog = ReportBacklog()
    queues: tuple[BrokerQueue, ...] | None = ()
    pools: tuple[Pool, ...] = ()
    actions: tuple[ActionStanding, ...] = ()


class Executor(_Answer):
    """An executor that owns shards; ``problem`` is why it does not answer the one that was asked."""

    name: str
    url: str | None = None
    shards: tuple[int, ...] = ()
    answers: bool = True
    problem: str | None = None


class ExecutorHealth(_Answer):
    """The executors and their shards; mostly there is one."""

    shard_count: int = 1
    fifo_violations: int = 0
    lock_holders: tuple[LockHolder, ...] = ()
    unserved_shards: tuple[int, ...] = ()
    executors: tuple[Executor, ...] = ()
    shards: tuple[Shard, ...] = ()

    def component(self, name: str) -> Component | None:
        """A part of this name, of any shard, preferably one that does not work; None where there is none."""
        found = [part for shard in self.shards for part in shard.components if part.name == name]
        return min(found, key=lambda part: part.ok, default=None)

    def standing(self, action_ref: str) -> ActionStanding | None:
        """How an action's queue stands; None where it is not of these shards."""
        return next((each for shard in self.shards for each in shard.actions if each.action_ref == action_ref), None)

    def pools(self, name: str) -> Iterator[Pool]:
        """A pool as each shard sees it."""
        return (pool for shard in self.shards for pool in shard.pools if pool.name == name)


def executor_health(answer: Any) -> ExecutorHealth:
    """The answer's ``data`` as a model.

    Raises:
        UnreachableError: it is another release's.
    """
    try:
        return ExecutorHealth.model_validate(answer)
    except ValidationError as error:
        raise UnreachableError(f"the executor is another release's than this program: {error}") from error
