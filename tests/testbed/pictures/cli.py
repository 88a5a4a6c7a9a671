"""`python -m testbed picture`: draws what the docs show, from the real thing."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from testbed.attune.callers import caller_token
from testbed.attune.client import Caller
from testbed.attune.cluster_view import ClusterView
from testbed.attune.fixtures import TEST_NAMESPACE, deployed
from testbed.attune.port_forward import PortForward
from testbed.cluster.choice import choose_provider
from testbed.pictures.dashboard import SECONDS as DASHBOARD_SECONDS
from testbed.pictures.dashboard import draw as draw_dashboard
from testbed.pictures.svg import png_of
from testbed.pictures.top import draw
from testbed.progress import step
from testbed.services.program import REPOSITORY

_POLICIES = Path(__file__).with_name("policies.yaml")
_CALLER = "attune-caller"

app = typer.Typer(help="Pictures for the docs, of the real thing.", no_args_is_help=True)


@app.callback()
def picture() -> None:
    """Pictures for the docs, of the real thing."""


@app.command()
def top(into: Annotated[Path, typer.Option(help="Folder.")] = REPOSITORY / "docs/how-to/pictures") -> None:
    """Draw `attune top` with a real backlog, on the cluster that is up; what is deployed for it is removed again."""
    provider = choose_provider()
    provider.up()
    os.environ["KUBECONFIG"] = str(provider.kubeconfig)
    for view in deployed(provider, TEST_NAMESPACE):
        view.run("apply", "--filename", str(_POLICIES))
        view.run("wait", "aqp", "--all", "--for=condition=Ready", "--timeout=60s")
        with step("Watching a busy hour, shortened"):
            pictures = asyncio.run(_draw(view, into))
        for svg in pictures:
            print(png_of(svg))


@app.command()
def dashboard(into: Annotated[Path, typer.Option(help="Folder.")] = REPOSITORY / "docs/how-to/pictures") -> None:
    """Draw the dashboard with a real backlog in both themes, on the cluster that is up, in a namespace of its own."""
    provider = choose_provider()
    provider.up()
    with step(f"Keeping the queues busy for {DASHBOARD_SECONDS} s"):
        drawn = draw_dashboard(provider.kubectl(), into)
    for png in drawn:
        print(png)


async def _draw(view: ClusterView, into: Path) -> list[Path]:
    token = caller_token(view.kubectl, view.namespace, _CALLER)
    with PortForward(view.kubectl, view.namespace, "service/attune-executor", 8080) as forward:
        caller = Caller(forward, token)
        try:
            return await draw(view.namespace, _CALLER, caller, into)
        finally:
            await caller.close()
