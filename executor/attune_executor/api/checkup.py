"""What `attune doctor` asks the executor: which part does its work, who reports, and why each queue waits."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from attune_executor.api import fields
from attune_executor.api.access import Guard
from attune_executor.domain.admission import Closure
from attune_executor.domain.standing import Standing, WaitsFor
from attune_executor.ports import checkup
from attune_executor.ports.authorization import Verb
from attune_executor.ports.broker import QueueDepth

HEALTH: Final = "/api/v1/health"

Examine: TypeAlias = Callable[[], Awaitable[checkup.FleetCheckup]]


class Component(BaseModel):
    """One part of the executor."""

    name: str = Field(description="database, broker, completion_listener, dispatcher or statistics.")
    ok: bool = Field(description="Whether it does its work now.")
    since: datetime = Field(description="Since when that is so.")
    last_success: datetime | None = Field(description="When it last did; of the listener, when a worker last reported.")
    last_error: str | None = Field(description="What it last failed of, also once that is over.")


class BrokerQueue(BaseModel):
    """A queue at the broker."""

    name: str = Field(description="As the broker has it.")
    messages: int = Field(description="That wait in it; those that a consumer has and has not acknowledged aside.")
    consumers: int = Field(description="How many take its messages: executors, or the workers of a pool.")


class Worker(BaseModel):
    """A worker as it last announced itself."""

    name: str = Field(description="Unique among all workers; on a cluster the name of its pod.")
    slots: int = Field(description="Executions that it runs at a time.")
    held: int = Field(description="Executions that it has.")
    draining: bool = Field(description="Whether it finishes what it has and takes no more.")
    unanswered_roll_calls: int = Field(
        description="Roll calls since its last heartbeat; after more than three it is lost."
    )


class Pool(BaseModel):
    """A worker pool; lost workers are not in it."""

    name: str = Field(description="As its policies name it; on a cluster after its Deployment.")
    slots: int = Field(description="Executions that its workers run at a time, all together.")
    idle_slots: int = Field(description="Of those, the slots that nothing occupies.")
    in_flight: int = Field(description="Executions dispatched to the pool and not finished.")
    workers: list[Worker] = Field(description="Those that answer the roll calls.")


class ActionStanding(BaseModel):
    """How one action's queue stands."""

    action_ref: fields.ActionRef
    pool: str = Field(description="The worker pool that runs it.")
    queue_length: fields.Waiting
    active_count: fields.Active
    waits_for: WaitsFor | None = Field(description="What the head of the queue waits for; null where none waits.")
    goes_on_at: datetime | None = Field(description="When the rate limit lets the head go, if it is what holds it.")
    closed_by: Closure | None = Field(description="Why new executions are refused; null where they are taken.")


class ReportBacklog(BaseModel):
    """What workers have reported and no turn has committed; beyond it reports wait at the broker."""

    messages: int = Field(description="Messages of workers; one may tell of many executions.")
    oldest_seconds: float | None = Field(description="How long the first has waited; null where there is none.")


class LockHolder(BaseModel):
    """A session of the database that the executor waits for; null is what it may not see of it."""

    pid: int = Field(description="What `pg_terminate_backend` takes.")
    user: str | None = Field(description="Who is logged in.")
    application: str | None = Field(description="What the session calls itself, such as `psql`.")
    state: str | None = Field(description="`idle in transaction`, `active`, …")
    seconds: float | None = Field(description="How long its transaction has lasted.")


class Shard(BaseModel):
    """One shard, as the executor that serves it tells."""

    shard: int = Field(description="Its number, from 0.")
    executor: str = Field(description="Who serves it, by its name.")
    serving: bool = Field(description="Whether its turns are committed.")
    detail: str = Field(description="Why, or why not, for people.")
    last_turn_age_seconds: float = Field(description="Seconds since its last turn, idle ones included.")
    roll_call_seconds: float = Field(description="Seconds between two roll calls.")
    components: list[Component] = Field(description="Database, broker, and what works for the shard beside its turns.")
    reports: ReportBacklog = Field(description="What workers have reported and no turn has committed.")
    queues: list[BrokerQueue] | None = Field(
        description="Its queues at the broker, those of reports first; null while the broker is away."
    )
    pools: list[Pool] = Field(description="The worker pools, as its share of their executions sees them.")
    actions: list[ActionStanding] = Field(description="Every action, by its name, as its share of the queue stands.")


class Executor(BaseModel):
    """An executor that owns some of the shards, or all."""

    name: str = Field(description="As it owns shards: its host, its process id and, where it shares, a random part.")
    url: str | None = Field(description="Where the others reach it; null where it shares with nobody.")
    shards: list[int] = Field(description="Those that it serves; of one that does not answer, those that it owns.")
    answers: bool = Field(description="Whether it answers the one that was asked.")
    problem: str | None = Field(description="Why it does not answer.")


class Health(BaseModel):
    """All executors that share the shards: any of them tells it of all. Mostly there is one."""

    shard_count: int = Field(description="Shards of all executors together.")
    fifo_violations: int = Field(description="Found since the executors started; anything but 0 is a bug.")
    lock_holders: list[LockHolder] = Field(
        description="Sessions of the database that turns wait for; looked for while reports wait or nothing is served."
    )
    unserved_shards: list[int] = Field(description="That nobody serves now; seconds after an executor is lost: none.")
    executors: list[Executor] = Field(description="By name, also those that do not answer.")
    shards: list[Shard] = Field(description="By number; those of an executor that does not answer are missing.")


class HealthAnswer(BaseModel):
    """The executors' health."""

    data: Health = Field(description="What the executor that was asked knows.")


async def examine_nothing() -> checkup.FleetCheckup:
    """No executor: for the description of the API, which needs none."""
    return checkup.FleetCheckup(0)


def checkup_router(examine: Examine, guard: Guard) -> APIRouter:
    """``GET /api/v1/health``."""
    router = APIRouter(tags=["queues"])

    @router.get(HEALTH, summary="Which part of which executor works, who reports to it, and why each queue waits")
    async def health(request: Request) -> HealthAnswer:
        await guard.require(request, Verb.LIST, [None])
        return HealthAnswer(data=_health(await examine()))

    return router


def _health(found: checkup.FleetCheckup) -> Health:
    executors = [
        *(_answering(each) for each in found.answered),
        *(
            Executor(name=each.name, url=each.url, shards=list(each.shards), answers=False, problem=each.reason)
            for each in found.silent
        ),
    ]
    shards = [_shard(number, each.name, shard) for each in found.answered for number, shard in each.shards.items()]
    return Health(
        shard_count=found.shard_count,
        fifo_violations=found.fifo_violations,
        lock_holders=[LockHolder(**each._asdict()) for each in found.lock_holders],
        unserved_shards=list(found.unserved),
        executors=sorted(executors, key=lambda each: each.name),
        shards=sorted(shards, key=lambda each: (each.shard, each.executor)),
    )


def _answering(found: checkup.ExecutorCheckup) -> Executor:
    return Executor(name=found.name, url=found.url, shards=sorted(found.shards), answers=True, problem=None)


def _shard(number: int, executor: str, found: checkup.Checkup) -> Shard:
    return Shard(
        shard=number,
        executor=executor,
        serving=found.serving,
        detail=found.detail,
        last_turn_age_seconds=round(found.last_turn_age_seconds, 3),
        roll_call_seconds=found.roll_call_seconds,
        components=[_component(each) for each in found.components],
        reports=ReportBacklog(messages=found.reports.messages, oldest_seconds=found.reports.oldest_seconds),
        queues=None if found.depths is None else _queues(found.depths),
        pools=[_pool(each) for each in found.pools],
        actions=[_standing(each) for each in sorted(found.standings, key=lambda each: each.action_ref)],
    )


def _component(found: checkup.Component) -> Component:
    return Component(
        name=found.name,
        ok=found.ok,
        since=datetime.fromtimestamp(found.since, UTC),
        last_success=_moment(found.last_success),
        last_error=found.last_error,
    )


def _queues(depths: Sequence[QueueDepth]) -> list[BrokerQueue]:
    return [BrokerQueue(name=each.name, messages=each.messages, consumers=each.consumers) for each in depths]


def _pool(found: checkup.PoolView) -> Pool:
    workers = [
        Worker(
            name=each.name,
            slots=each.slots,
            held=each.held,
            draining=each.draining,
            unanswered_roll_calls=each.unanswered,
        )
        for each in found.workers
    ]
    return Pool(
        name=found.name,
        slots=found.slots,
        idle_slots=found.idle_slots,
        in_flight=found.in_flight,
        workers=workers,
    )


def _standing(found: Standing) -> ActionStanding:
    return ActionStanding(
        action_ref=found.action_ref,
        pool=found.pool,
        queue_length=found.queue_length,
        active_count=found.active_count,
        waits_for=found.waits_for,
        goes_on_at=_moment(found.goes_on_at),
        closed_by=found.closure,
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
