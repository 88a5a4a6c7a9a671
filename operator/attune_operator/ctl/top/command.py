"""The command `top`."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from attune_operator.ctl.errors import UsageError
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.looking import Names, show_status
from attune_operator.ctl.options import Place, Way, takes
from attune_operator.ctl.output import Output
from attune_operator.ctl.top.cluster_world import ClusterWorld


@takes(Place, Way)
def top(
    place: Place,
    way: Way,
    names: Names = None,
    interval: Annotated[float, typer.Option(min=0.5, help="Seconds between looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print the queues once, as `attune status` does.")] = False,
) -> None:
    """Watch the queues live; ? shows the keys.

    Yellow and ! or red and ‼ mark what the runbook's thresholds call for; NO_COLOR is heeded.
    """
    if once:
        show_status(place, names or [], Output.TABLE)
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("top needs a terminal; without one: attune status, or attune status -o json for scripts")
    asyncio.run(_watch(place, way, names or [], interval))


async def _watch(place: Place, way: Way, names: Sequence[str], interval: float) -> None:
    # Textual is loaded by this command alone: the others start faster without it.
    from attune_operator.ctl.top.terminal import Top  # noqa: PLC0415

    async with Kubernetes.connect(place.context) as kubernetes:
        world = ClusterWorld(kubernetes, place, way, names)
        # What keeps it from looking at all is said in one line, on the terminal as it was.
        first = await world.look()
        where = "all namespaces" if place.policies is None else place.policies
        await Top(world, where, interval=interval, namespaces=place.policies is None, first=first).run_async()
