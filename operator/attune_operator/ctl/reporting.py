"""The command `report`: the runbook's daily, weekly and monthly looks, made of what the other commands show."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, NamedTuple

import typer

from attune_operator.ctl.capacity import measured
from attune_operator.ctl.executor_api import ExecutorApi, Json
from attune_operator.ctl.growth import Trend, days_grid, planned, trend
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.maintenance import maintenance_grid
from attune_operator.ctl.maintenance_commands import read_tasks
from attune_operator.ctl.measuring import THROUGHPUT, Measured, days_path, measure_throughput
from attune_operator.ctl.options import Place, Printing, Way, takes
from attune_operator.ctl.output import Grid, Output, say, show, show_document
from attune_operator.ctl.queues import Queue, duration, longest_first, queue_grid, queue_of, shown
from attune_operator.ctl.resources import read_policies
from attune_operator.ctl.throughput import busiest, throughput_grid
from attune_operator.resources import ActionQueuePolicy

STUCK_SECONDS: Final = 30 * 60
"""The runbook's daily check looks for queues that have not changed for so long."""
_DAYS: Final = 30
_TOP: Final = "Top Actions by Volume"


class Period(StrEnum):
    """The runbook's "Maintenance Tasks"."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@takes(Place, Way, Printing)
def report(
    place: Place,
    way: Way,
    printing: Printing,
    period: Annotated[Period, typer.Argument(help="Which of the runbook's looks.")] = Period.DAILY,
    weeks: Annotated[int, typer.Option(min=1, help="How many weeks ahead the monthly one plans.")] = 13,
    limit: Annotated[int, typer.Option(min=1, help="So many actions at most in its lists.")] = 10,
) -> None:
    """Show what the runbook looks at every day, week or month.

    Daily: active queues, those that have not changed for 30 minutes, the busiest actions. Weekly: what maintenance did.
    Monthly: growth by day, the busiest actions, and the workers that they need now and will need.
    """
    match period:
        case Period.DAILY:
            _daily(place, way, printing.output, limit)
        case Period.WEEKLY:
            tasks = asyncio.run(read_tasks(place, way))
            _print(printing.output, tasks, [("Maintenance", maintenance_grid(tasks, datetime.now(UTC), wide=True))])
        case Period.MONTHLY:
            _monthly(place, way, printing.output, weeks, limit)


def _daily(place: Place, way: Way, output: Output, limit: int) -> None:
    now = datetime.now(UTC)
    policies, volume = asyncio.run(_look_around(place, way))
    queues = longest_first([queue_of(policy, now) for policy in policies])
    active = [queue for queue in queues if queue.queue_length or queue.active_count]
    stuck = unchanged(active, now)
    top = busiest(volume.actions, limit)
    document = {
        "active": [queue.document() for queue in active],
        "unchanged": [queue.document() for queue in stuck],
        "top": top,
        "problem": volume.problem,
    }
    wide = output is Output.WIDE
    note = f" (totals from the policies' statuses, since {volume.problem})" if volume.problem else ""
    parts = [
        ("Active Queues", queue_grid(active, wide=wide)),
        ("Stuck Queues", _unchanged_grid(stuck, now)),
        (f"{_TOP}{note}", throughput_grid(top, wide=wide)),
    ]
    _print(output, document, parts)


def _monthly(place: Place, way: Way, output: Output, weeks: int, limit: int) -> None:
    month = asyncio.run(_look_back(place, way, limit))
    lines = {action: trend([day["executions"] for day in grown["days"]]) for action, grown in month.by_action.items()}
    overall = trend([day["executions"] for day in month.everything["days"]])
    plans = [plan(policy, lines[policy.spec.action_ref], weeks) for policy in month.policies]
    wide = output is Output.WIDE
    document = {"growth": month.everything, "top": month.top, "capacity": plans}
    parts = [
        (f"Growth: {overall or 'too few days to tell a trend'}", days_grid(month.everything, wide=wide)),
        (_TOP, throughput_grid(month.top, wide=wide)),
        (f"Workers, now and in {weeks} weeks", _plans_grid(plans)),
    ]
    _print(output, document, parts)


class _Month(NamedTuple):
    """Growth of all actions and of the busiest ones, which are ``top``, and the policies of these."""

    everything: Json
    by_action: Mapping[str, Json]
    top: Sequence[Json]
    policies: Sequence[ActionQueuePolicy]


async def _look_back(place: Place, way: Way, limit: int) -> _Month:
    async with (
        Kubernetes.connect(place.context) as kubernetes,
        ExecutorApi.connect(kubernetes, place, way) as executor,
    ):
        policies = await read_policies(kubernetes, place.policies)
        refs = {policy.spec.action_ref for policy in policies}
        top = busiest([entry for entry in await executor.get(THROUGHPUT) if entry["action_ref"] in refs], limit)
        everything = await executor.get(days_path(_DAYS))
        by_action = {entry["action_ref"]: await executor.get(days_path(_DAYS, entry["action_ref"])) for entry in top}
    ranks = {action: rank for rank, action in enumerate(by_action)}
    ruled = [policy for policy in policies if policy.spec.action_ref in ranks]
    return _Month(everything, by_action, top, sorted(ruled, key=lambda policy: ranks[policy.spec.action_ref]))


def unchanged(queues: Sequence[Queue], now: datetime) -> list[Queue]:
    """Those of ``queues`` in which nothing has changed for half an hour: the runbook's daily "Stuck Queues"."""
    return [
        queue
        for queue in queues
        if queue.last_updated is not None and (now - queue.last_updated).total_seconds() > STUCK_SECONDS
    ]


def plan(policy: ActionQueuePolicy, line: Trend | None, weeks: int) -> Json:
    """The workers that the Deployment of a policy needs now and in so many weeks, for scripts."""
    now, then = planned(measured(policy), line, weeks)
    workers = policy.spec.workers
    return {
        "policy": policy.metadata.name,
        "action": policy.spec.action_ref,
        "executions_per_day": None if line is None else round(line.per_day, 1),
        "growth_per_week_pct": None if line is None else round(line.per_week / line.per_day * 100, 1),
        "workers_now": None if now is None else now.recommended,
        "workers_then": None if then is None else then.recommended,
        "max_replicas": None if workers is None else workers.max_replicas,
    }


async def _look_around(place: Place, way: Way) -> tuple[Sequence[ActionQueuePolicy], Measured]:
    async with Kubernetes.connect(place.context) as kubernetes:
        policies = await read_policies(kubernetes, place.policies)
        return policies, await measure_throughput(kubernetes, place, way, policies)


def _unchanged_grid(queues: Sequence[Queue], now: datetime) -> Grid:
    rows = [
        [
            queue.action,
            shown(queue.queue_length),
            shown(queue.active_count),
            duration(None if queue.last_updated is None else (now - queue.last_updated).total_seconds()),
        ]
        for queue in queues
    ]
    return Grid(["ACTION", "QUEUED", "RUNNING", "UNCHANGED FOR"], rows, dict.fromkeys(range(len(rows)), "red"))


def _plans_grid(plans: Sequence[Mapping[str, Any]]) -> Grid:
    heads = ["POLICY", "ACTION", "PER DAY", "GROWTH/WEEK", "WORKERS NOW", "WORKERS THEN", "MOST"]
    rows = [
        [
            each["policy"],
            each["action"],
            shown(each["executions_per_day"]),
            shown(None if each["growth_per_week_pct"] is None else f"{each['growth_per_week_pct']:+.1f}%"),
            *(shown(each[name]) for name in ("workers_now", "workers_then", "max_replicas")),
        ]
        for each in plans
    ]
    limited = {
        number: "yellow"
        for number, each in enumerate(plans)
        if each["max_replicas"] is not None and (each["workers_then"] or 0) > each["max_replicas"]
    }
    return Grid(heads, rows, limited)


def _print(output: Output, document: Any, parts: Sequence[tuple[str, Grid]]) -> None:
    if not output.for_people:
        show_document(document, output)
        return
    for number, (title, grid) in enumerate(parts):
        if number:
            say()
        say(f"=== {title} ===")
        if grid.rows:
            show(grid)
        else:
            say("none")
