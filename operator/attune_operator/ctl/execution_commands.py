"""The commands that speak with the executor: submit, get, cancel."""

import asyncio
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from attune_operator.ctl.completion import action_refs
from attune_operator.ctl.errors import CtlError, NotYetError, UsageError
from attune_operator.ctl.executor_api import BusyError, ExecutorApi, Json, reached
from attune_operator.ctl.options import Printing, Site, Way, takes
from attune_operator.ctl.output import Output, show, show_document
from attune_operator.ctl.submissions import (
    MOST_AT_ONCE,
    batch,
    ended,
    executions_grid,
    parameters,
    partly_refused,
    succeeded,
    tally,
)

EXECUTIONS: Final = "/api/v1/executions"
_LOOK_SECONDS: Final = 0.5
_LOOK_AT: Final = 20
"""Executions that one look asks for: the oldest, since they end first."""
_SILENT_SECONDS: Final = 60.0
"""How long the executor may be away while its executions are waited for; a new leader needs seconds."""
_TRIES: Final = 4
_TRY_SECONDS: Final = 2.0
_STDIN: Final = "-"


@takes(Site, Way, Printing)
def submit(
    site: Site,
    way: Way,
    printing: Printing,
    action: Annotated[
        str,
        typer.Argument(metavar="ACTION", help="The action to run, such as core.http.get.", autocompletion=action_refs),
    ],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="KEY=VALUE", help="A parameter: JSON where it is that, else text."),
    ] = None,
    parameters_file: Annotated[
        str | None,
        typer.Option("--parameters", metavar="FILE", help="A file with parameters as a JSON object; - for the input."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=MOST_AT_ONCE, help="So many executions alike.")] = 1,
    idempotency_key: Annotated[
        str | None, typer.Option(help="However often it is submitted under one key, it is one execution.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until they have ended; 1 unless all succeeded.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds to wait at most; then 4, and they go on.")
    ] = None,
) -> None:
    """Submit executions, and see them through with --wait."""
    given = parameters(param or [], _read(parameters_file))
    body = batch(action, given, count, idempotency_key or f"attune-{uuid.uuid4()}")
    executions, late = asyncio.run(_submit(site, way, body, printing.output, wait=wait, patience=timeout))
    show_executions(executions, printing.output)
    if late:
        raise NotYetError(f"{late} have not ended after {timeout:g} s, and go on; look with: attune get ID")
    if wait and not all(map(succeeded, executions)):
        raise CtlError(f"not all succeeded: {tally(executions)}")


@takes(Site, Way, Printing)
def get(
    site: Site,
    way: Way,
    printing: Printing,
    ids: Annotated[list[int], typer.Argument(metavar="ID...", min=1, help="Ids of executions.")],
) -> None:
    """Show executions; -o wide, json or yaml with parameters and results."""
    executions = asyncio.run(_get(site, way, ids))
    show_executions(executions, printing.output)


@takes(Site, Way, Printing)
def cancel(
    site: Site,
    way: Way,
    printing: Printing,
    ids: Annotated[list[int], typer.Argument(metavar="ID...", min=1, help="Ids of executions.")],
) -> None:
    """End executions: one that waits never runs, one that runs is stopped by its worker."""
    executions, problems = asyncio.run(_cancel(site, way, ids))
    if executions or not printing.output.for_people:
        show_executions(executions, printing.output)
    if problems:
        raise CtlError("; ".join(problems))


async def _submit(
    site: Site, way: Way, body: Json, output: Output, *, wait: bool, patience: float | None
) -> tuple[Sequence[Json], int]:
    """What became of the executions, and how many have not ended in time."""
    async with reached(site, way) as executor:
        outcomes = await _insist(executor, body)
        accepted = [outcome for outcome in outcomes if "id" in outcome]
        refused = [outcome for outcome in outcomes if "id" not in outcome]
        if refused:
            if accepted:
                # They are durable, and run whatever becomes of the others.
                show_executions(accepted, output)
            raise partly_refused(accepted, refused)
        if not wait:
            return accepted, 0
        return await _see_through(executor, [receipt["id"] for receipt in accepted], patience)


async def _insist(executor: ExecutorApi, body: Json) -> Sequence[Json]:
    """Submit, again where nobody answers: the idempotency keys make it one submission."""
    for _ in range(_TRIES - 1):
        try:
            return await executor.post(EXECUTIONS, body)
        except BusyError:
            await asyncio.sleep(_TRY_SECONDS)
    return await executor.post(EXECUTIONS, body)


async def _see_through(executor: ExecutorApi, ids: Sequence[int], patience: float | None) -> tuple[Sequence[Json], int]:
    seen: dict[int, Json] = {}
    answered = monotonic()
    deadline = None if patience is None else answered + patience
    with _progress() as progress:
        task = progress.add_task("waiting", total=len(ids))
        while True:
            open_ids = [number for number in ids if number not in seen or not ended(seen[number])]
            try:
                looks = await asyncio.gather(*(executor.get(f"{EXECUTIONS}/{each}") for each in open_ids[:_LOOK_AT]))
                answered = monotonic()
            except BusyError:
                # A leader that is replaced: what was accepted is durable.
                if monotonic() - answered > _SILENT_SECONDS:
                    raise
                looks = []
            seen |= {execution["id"]: execution for execution in looks}
            done = sum(map(ended, seen.values()))
            progress.update(task, completed=done, description=tally(looks) or "waiting")
            if done == len(ids):
                return [seen[number] for number in ids], 0
            if deadline is not None and monotonic() > deadline:
                known = [seen[number] for number in ids if number in seen]
                return known, len(ids) - done
            if not any(map(ended, looks)):
                await asyncio.sleep(_LOOK_SECONDS)


async def _get(site: Site, way: Way, ids: Iterable[int]) -> Sequence[Json]:
    async with reached(site, way) as executor:
        return [await executor.get(f"{EXECUTIONS}/{each}") for each in ids]


async def _cancel(site: Site, way: Way, ids: Iterable[int]) -> tuple[Sequence[Json], Sequence[str]]:
    async with reached(site, way) as executor:
        return await one_by_one(ids, lambda each: executor.post(f"{EXECUTIONS}/{each}/cancel"))


async def one_by_one(ids: Iterable[int], ask: Callable[[int], Awaitable[Json]]) -> tuple[Sequence[Json], Sequence[str]]:
    """What ``ask`` comes to for each execution, and why it came to nothing for others; raises BusyError."""
    done: list[Json] = []
    problems: list[str] = []
    for each in ids:
        try:
            done.append(await ask(each))
        except BusyError:
            raise
        except CtlError as error:
            # It is to be done to the others all the same.
            problems.append(str(error))
    return done, problems


def show_executions(executions: Sequence[Json], output: Output) -> None:
    """Print executions; a single one as a document of its own."""
    if output.for_people:
        show(executions_grid(executions, datetime.now(UTC), wide=output is Output.WIDE))
    else:
        show_document(executions[0] if len(executions) == 1 else list(executions), output)


def _progress() -> Progress:
    """A bar on a terminal, and nothing elsewhere; never in the way of what is printed."""
    columns: tuple[Any, ...] = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _read(source: str | None) -> str | None:
    if source is None:
        return None
    try:
        return sys.stdin.read() if source == _STDIN else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--parameters {source}: {error}") from error
