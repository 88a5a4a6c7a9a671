"""The command `list`: executions, the newest first."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from attune_executor.domain.execution import ExecutionStatus
from attune_operator.ctl.completion import action_refs
from attune_operator.ctl.execution_commands import EXECUTIONS
from attune_operator.ctl.executor_api import Json, reached
from attune_operator.ctl.options import Printing, Site, Way, takes
from attune_operator.ctl.output import Output, say, show, show_document
from attune_operator.ctl.submissions import listed_grid

_PAGE: Final = 500
_MOST_PAGES: Final = 20
"""Of a rare status the executor looks at 10,000 executions a page, so that this is a look at the last 200,000."""


@takes(Site, Way, Printing)
def list_command(
    site: Site,
    way: Way,
    printing: Printing,
    action: Annotated[
        str | None,
        typer.Argument(
            metavar="[ACTION]", help="Only those of this action, such as core.http.get.", autocompletion=action_refs
        ),
    ] = None,
    status: Annotated[ExecutionStatus | None, typer.Option("--status", "-s", help="Only those in this status.")] = None,
    oldest: Annotated[bool, typer.Option("--oldest", help="The first accepted first.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 20,
    after: Annotated[int | None, typer.Option(min=1, metavar="ID", help="Go on where the list before ended.")] = None,
) -> None:
    """List executions in the order of their acceptance, the newest first."""
    wanted: Json = {"order": "oldest" if oldest else "newest"}
    wanted |= {} if action is None else {"action_ref": action}
    wanted |= {} if status is None else {"status": status.value}
    found = asyncio.run(_list(site, way, wanted, limit, after))
    if not printing.output.for_people:
        show_document({"executions": found.executions, "next": found.next}, printing.output)
        return
    if found.executions:
        show(listed_grid(found.executions, datetime.now(UTC), wide=printing.output is Output.WIDE))
    elif found.next is None:
        say("There is no such execution.")
    if found.next is not None:
        sys.stderr.write(f"attune: there may be more; the same with --after {found.next} goes on\n")


@dataclass(frozen=True, slots=True)
class Listed:
    """Some executions; ``next`` is where to go on, None where nothing is left."""

    executions: list[dict[str, Any]]
    next: int | None


async def _list(site: Site, way: Way, wanted: Json, limit: int, after: int | None) -> Listed:
    async with reached(site, way) as executor:
        return await list_executions(executor.page, wanted, limit, after)


async def list_executions(ask: Callable[[str], Awaitable[Json]], wanted: Json, limit: int, after: int | None) -> Listed:
    """Executions from ``after`` on, up to ``limit``; ``ask`` GETs a bounded number of pages of what is ``wanted``."""
    found: list[dict[str, Any]] = []
    for _ in range(_MOST_PAGES):
        query = wanted | {"limit": min(limit - len(found), _PAGE)} | ({} if after is None else {"after": after})
        page = await ask(f"{EXECUTIONS}?{urlencode(query)}")
        found += page["data"]
        after = page["next"]
        if after is None or len(found) == limit:
            break
    return Listed(found, after)
