"""The commands that show what the executor measures: throughput and growth."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from attune_operator.ctl.errors import CtlError
from attune_operator.ctl.executor_api import ExecutorApi, Json
from attune_operator.ctl.growth import compared_with, days_grid, queue_growth_grid, trend
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.looking import Names
from attune_operator.ctl.options import Place, Printing, Way, takes
from attune_operator.ctl.output import Output, say, show, show_document
from attune_operator.ctl.resources import chosen, read_policies
from attune_operator.ctl.throughput import busiest, from_statuses, throughput_grid, traffic
from attune_operator.resources import ActionQueuePolicy

THROUGHPUT: Final = "/api/v1/throughput"
GROWTH: Final = "/api/v1/growth"
QUEUE_GROWTH: Final = "/api/v1/queue-growth"
_ALL: Final = "all actions"


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found; ``problem`` says why the executor did not tell, None where it did."""

    actions: Sequence[Json]
    problem: str | None


@takes(Place, Way, Printing)
def throughput(
    place: Place,
    way: Way,
    printing: Printing,
    names: Names = None,
    limit: Annotated[int, typer.Option(min=1, help="So many actions at most.")] = 20,
) -> None:
    """Show what came and what ended, the busiest action first; of a single one also by the minute.

    The counts of the last five minutes include the present minute so far. Where the executor does not answer, the
    totals are those of the policies' statuses.
    """
    found = asyncio.run(_measure(place, way, names or []))
    actions = busiest(found.actions, limit)
    if not printing.output.for_people:
        show_document({"problem": found.problem, "actions": actions}, printing.output)
        return
    if found.problem:
        sys.stderr.write(f"attune: totals from the policies' statuses alone, since {found.problem}\n")
    if not actions:
        say("There is no ActionQueuePolicy here.")
        return
    show(throughput_grid(actions, wide=printing.output is Output.WIDE))
    if len(actions) == 1 and actions[0]["minutes"] is not None:
        say()
        for line in traffic(actions[0], datetime.now(UTC)):
            say(line)


async def _measure(place: Place, way: Way, names: Sequence[str]) -> Measured:
    async with Kubernetes.connect(place.context) as kubernetes:
        policies = chosen(await read_policies(kubernetes, place.policies), names)
        # Whoever may look at one action alone names it.
        return await measure_throughput(kubernetes, place, way, policies, one_by_one=bool(names))


async def measure_throughput(
    kubernetes: Kubernetes, place: Place, way: Way, policies: Sequence[ActionQueuePolicy], *, one_by_one: bool = False
) -> Measured:
    """The throughput of these policies; ``one_by_one`` asks for no more than each of their actions."""
    refs = {policy.spec.action_ref for policy in policies}
    try:
        async with ExecutorApi.connect(kubernetes, place, way) as executor:
            queries: list[dict[str, Any]] = [{"action_ref": ref} for ref in sorted(refs)] if one_by_one else [{}]
            answers = [await executor.get(f"{THROUGHPUT}?{urlencode(query)}") for query in queries]
    except CtlError as error:
        return Measured(from_statuses(policies, datetime.now(UTC)), str(error))
    return Measured([entry for answer in answers for entry in answer if entry["action_ref"] in refs], None)


@takes(Place, Way, Printing)
def growth(
    place: Place,
    way: Way,
    printing: Printing,
    names: Names = None,
    by_day: Annotated[bool, typer.Option("--by-day", help="Executions of each day, and how long they took.")] = False,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="Days to look back, with --by-day.")] = 30,
) -> None:
    """Show how the queues grew in about five minutes, or with --by-day how executions did over weeks."""
    if by_day:
        _show_days(asyncio.run(_days(place, way, names or [], days)), printing.output)
        return
    grown = asyncio.run(_queue_growth(place, way, names or []))
    if not printing.output.for_people:
        show_document(grown, printing.output)
        return
    say(compared_with(grown["snapshot_time"], datetime.now(UTC)))
    if grown["queues"]:
        say()
        show(queue_growth_grid(grown["queues"]))


def days_path(days: int, action_ref: str | None = None) -> str:
    """Where the growth by day is, of one action or of all together."""
    query: Json = {"days": days} if action_ref is None else {"days": days, "action_ref": action_ref}
    return f"{GROWTH}?{urlencode(query)}"


async def _days(place: Place, way: Way, names: Sequence[str], days: int) -> dict[str, Json]:
    """Growth by day of each action whose policy is named, or of all actions together."""
    async with (
        Kubernetes.connect(place.context) as kubernetes,
        ExecutorApi.connect(kubernetes, place, way) as executor,
    ):
        if not names:
            return {_ALL: await executor.get(days_path(days))}
        policies = chosen(await read_policies(kubernetes, place.policies), names)
        refs = dict.fromkeys(policy.spec.action_ref for policy in policies)
        return {ref: await executor.get(days_path(days, ref)) for ref in refs}


async def _queue_growth(place: Place, way: Way, names: Sequence[str]) -> Json:
    async with (
        Kubernetes.connect(place.context) as kubernetes,
        ExecutorApi.connect(kubernetes, place, way) as executor,
    ):
        grown: Json = await executor.get(QUEUE_GROWTH)
        if names:
            policies = chosen(await read_policies(kubernetes, place.policies), names)
            refs = {policy.spec.action_ref for policy in policies}
            grown["queues"] = [queue for queue in grown["queues"] if queue["action_ref"] in refs]
        return grown


def _show_days(found: dict[str, Json], output: Output) -> None:
    if not output.for_people:
        show_document(found, output)
        return
    for number, (action, grown) in enumerate(found.items()):
        if number:
            say()
        line = trend([day["executions"] for day in grown["days"]])
        say(f"{action}: {line or 'too few days to tell a trend'}")
        show(days_grid(grown, wide=output is Output.WIDE))
