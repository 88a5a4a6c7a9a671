"""The commands `maintenance` and `maintenance run`."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from attune_operator.ctl.errors import CtlError, NotYetError
from attune_operator.ctl.executor_api import BusyError, ExecutorApi, Json, reached
from attune_operator.ctl.maintenance import chosen_tasks, maintenance_grid, outcome
from attune_operator.ctl.options import Printing, Site, Way, takes
from attune_operator.ctl.output import Output, say, show, show_document

MAINTENANCE: Final = "/api/v1/maintenance"
_LOOK_SECONDS: Final = 0.3
_SILENT_SECONDS: Final = 60.0
"""How long the executor may be away while a task is waited for; a new leader needs seconds."""

maintenance = typer.Typer(help="Look at the maintenance of the database, and have it done now.")


@maintenance.callback(invoke_without_command=True)
@takes(Site, Way, Printing)
def show_maintenance(site: Site, way: Way, printing: Printing, invocation: typer.Context) -> None:
    """Show every task of maintenance: when it is done, what it last did, and how it stands."""
    if invocation.invoked_subcommand is not None:
        return
    tasks = asyncio.run(read_tasks(site, way))
    if not printing.output.for_people:
        show_document(tasks, printing.output)
        return
    show(maintenance_grid(tasks, datetime.now(UTC), wide=printing.output is Output.WIDE))


@maintenance.command("run")
@takes(Site, Way, Printing)
def run(
    site: Site,
    way: Way,
    printing: Printing,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[TASK]...", help="Tasks, as `attune maintenance` shows them.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every task that is not switched off.")] = False,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait for each task; then 4, and it goes on.")] = 600,
) -> None:
    """Have tasks done now, one after the other, and say what each did."""
    done: list[Json] = []
    try:
        people = printing.output.for_people
        asyncio.run(_run(site, way, names or [], done, every=every, patience=timeout, people=people))
    finally:
        if not printing.output.for_people:
            show_document(done, printing.output)


async def read_tasks(site: Site, way: Way) -> Sequence[Json]:
    """How the tasks of maintenance stand."""
    async with reached(site, way) as executor:
        return await executor.get(MAINTENANCE)


async def _run(
    site: Site, way: Way, names: Sequence[str], done: list[Json], *, every: bool, patience: float, people: bool
) -> None:
    problems: list[str] = []
    async with reached(site, way) as executor:
        for name in chosen_tasks(await executor.get(MAINTENANCE), names, every=every):
            started = await executor.post(f"{MAINTENANCE}/{name}/run")
            after = await _see_through(executor, name, patience)
            succeeded, sentence = outcome(started, after)
            done.append(after)
            if people:
                say(sentence)
            if not succeeded:
                problems.append(sentence)
    if problems:
        raise CtlError("; ".join(problems))


async def _see_through(executor: ExecutorApi, name: str, patience: float) -> Json:
    answered = began = monotonic()
    with _progress() as progress:
        progress.add_task(name)
        while True:
            try:
                task = _named(await executor.get(MAINTENANCE), name)
                answered = monotonic()
                if not task["running"]:
                    return task
            except BusyError:
                if monotonic() - answered > _SILENT_SECONDS:
                    raise
            if monotonic() - began > patience:
                raise NotYetError(f"{name} has not ended after {patience:g} s, and goes on; look: attune maintenance")
            await asyncio.sleep(_LOOK_SECONDS)


def _named(tasks: Sequence[Json], name: str) -> Json:
    return next(task for task in tasks if task["task"] == name)


def _progress() -> Progress:
    """A sign of life on a terminal, and nothing elsewhere."""
    columns: tuple[Any, ...] = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
