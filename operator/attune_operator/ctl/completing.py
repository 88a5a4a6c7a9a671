"""The command `complete`: saying in a worker's place how executions ended."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from attune_operator.ctl.asking import DryRun, Yes, confirm
from attune_operator.ctl.errors import CtlError, UsageError
from attune_operator.ctl.execution_commands import EXECUTIONS, one_by_one, show_executions
from attune_operator.ctl.executor_api import Json, reached
from attune_operator.ctl.options import Printing, Site, Way, takes
from attune_operator.ctl.output import Output
from attune_operator.ctl.submissions import ended

_WITHOUT_FORCE: Final = (
    "complete ends an execution in its worker's place: it counts as failed, its slot is free at once, and what its"
    " worker reports later is ignored, though that may still be at work. Try first: attune cancel {ids}. If they are"
    " truly stuck: attune complete --force {ids}"
)


@takes(Site, Way, Printing)
def complete(
    site: Site,
    way: Way,
    printing: Printing,
    ids: Annotated[list[int], typer.Argument(metavar="ID...", min=1, help="Ids of executions.")],
    force: Annotated[bool, typer.Option("--force", help="Needed: nobody waits for what their workers say.")] = False,
    error: Annotated[
        str | None, typer.Option(help="Why they failed; by default the runbook's words: manually failed by operator.")
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Fail executions that are truly stuck; shows them first, and asks.

    Their slots are free when this returns. Workers are told to stop them, and what those report later changes nothing.
    """
    if not force:
        raise UsageError(_WITHOUT_FORCE.format(ids=" ".join(map(str, ids))))
    completed, problems = asyncio.run(
        _complete(site, way, ids, error, printing.output, yes=yes, dry_run=dry_run),
    )
    if completed or not printing.output.for_people:
        show_executions(completed, printing.output)
    if problems:
        raise CtlError("; ".join(problems))


async def _complete(
    site: Site, way: Way, ids: Sequence[int], error: str | None, output: Output, *, yes: bool, dry_run: bool
) -> tuple[Sequence[Json], Sequence[str]]:
    async with reached(site, way) as executor:
        if dry_run or not yes:
            executions, problems = await one_by_one(ids, lambda each: executor.get(f"{EXECUTIONS}/{each}"))
            if dry_run:
                return executions, problems
            if output.for_people:
                show_executions(executions, output)
            if not any(not ended(each) for each in executions):
                raise CtlError("; ".join(problems) or "all of them have ended already")
            confirm("Fail those that have not ended, without waiting for their workers?", output)
        body = None if error is None else {"error": error}
        return await one_by_one(ids, lambda each: executor.post(f"{EXECUTIONS}/{each}/complete", body))
