"""The command `purge`: cancelling what waits for an action."""

import asyncio
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

import typer

from attune_executor.domain.policy import Admission
from attune_operator.ctl.asking import DryRun, Yes, confirm
from attune_operator.ctl.completion import action_refs
from attune_operator.ctl.execution_commands import EXECUTIONS
from attune_operator.ctl.executor_api import ExecutorApi, Json, reached
from attune_operator.ctl.options import Printing, Site, Way, takes
from attune_operator.ctl.output import Output, say, show_document

_ACTIONS: Final = "/api/v1/actions"


@takes(Site, Way, Printing)
def purge(
    site: Site,
    way: Way,
    printing: Printing,
    action: Annotated[
        str,
        typer.Argument(
            metavar="ACTION",
            help="The action whose queue is purged, such as core.http.get.",
            autocompletion=action_refs,
        ),
    ],
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Cancel everything that waits for an action, and nothing that runs; shows what waits first, and asks.

    What arrives meanwhile is not touched, and what starts meanwhile runs: pause the queue first. Requests that wait in
    RabbitMQ, which no executor has accepted yet, are no part of it.
    """
    document = asyncio.run(_purge(site, way, action, printing.output, yes=yes, dry_run=dry_run))
    if not printing.output.for_people:
        show_document(document, printing.output)


async def _purge(site: Site, way: Way, action: str, output: Output, *, yes: bool, dry_run: bool) -> Json:
    """What waited, and how many of it were cancelled."""
    async with reached(site, way) as executor:
        waiting = await _waiting(executor, action)
        count = waiting["queue_length"]
        if output.for_people:
            _explain(waiting)
        cancelled = 0
        if count and not dry_run:
            if not yes:
                confirm(f"Cancel {_executions(count)}? They cannot be brought back.", output)
            cancelled = await _carry_out(executor, action, count, output)
        return {**waiting, "cancelled": cancelled}


async def _carry_out(executor: ExecutorApi, action: str, expected: int, output: Output) -> int:
    """Ask until nothing is left of what was meant: one request cancels a bounded number."""
    path = f"{_ACTIONS}/{quote(action, safe='')}/purge"
    report: Json = await executor.post(path, {"expected": expected})
    cancelled = report["cancelled"]
    while report["remaining"]:
        report = await executor.post(path, {"expected": report["remaining"], "up_to": report["up_to"]})
        cancelled += report["cancelled"]
    if output.for_people:
        say(f"Cancelled {_executions(cancelled)}.")
    return cancelled


async def _waiting(executor: ExecutorApi, action: str) -> dict[str, Any]:
    stats: Json = await executor.get(f"{_ACTIONS}/{quote(action, safe='')}/queue-stats")
    ends: dict[str, Json | None] = {}
    for end in ("oldest", "newest"):
        query = urlencode({"action_ref": action, "status": "requested", "order": end, "limit": 1})
        found = await executor.get(f"{EXECUTIONS}?{query}")
        ends[end] = {name: found[0][name] for name in ("id", "created")} if found else None
    return {
        "action_ref": action,
        "queue_length": stats["queue_length"],
        "active_count": stats["active_count"],
        "paused": stats.get("admission") == Admission.HOLD,
        **ends,
    }


def _explain(waiting: Json) -> None:
    action, count = waiting["action_ref"], waiting["queue_length"]
    if not count:
        say(f"Nothing waits for {action}.")
        return
    verb = "waits" if count == 1 else "wait"
    say(f"{_executions(count)} {verb} for {action}; what runs ({waiting['active_count']}) is left alone.")
    for end in ("oldest", "newest"):
        found = waiting[end]
        if found is not None:
            say(f"The {end}: {found['id']}, accepted at {found['created']}")
    if waiting["paused"]:
        say(f"It is paused: nothing starts meanwhile. Afterwards: attune resume {action}")
    else:
        say(f"So that nothing more starts meanwhile: attune pause {action}")


def _executions(count: int) -> str:
    return "1 execution" if count == 1 else f"{count} executions"
