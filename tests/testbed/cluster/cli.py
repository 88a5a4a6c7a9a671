"""`python -m testbed cluster`: bring a cluster up, take it down, look at it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from testbed.cluster.choice import KUBECONFIG_VARIABLE, PROVIDER_VARIABLE, choose_provider

app = typer.Typer(no_args_is_help=True, help="A Kubernetes cluster: an existing one, kind, or a local node.")

ProviderOption = Annotated[
    str | None,
    typer.Option("--provider", envvar=PROVIDER_VARIABLE, help="existing, kind or localnode; else what can run here."),
]
KubeconfigOption = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig", envvar=KUBECONFIG_VARIABLE, help="Use this cluster, which is neither made nor removed."
    ),
]


@app.command()
def prepare(provider: ProviderOption = None, kubeconfig: KubeconfigOption = None) -> None:
    """Build and install what a cluster needs, without starting one."""
    choose_provider(provider, kubeconfig).prepare()


@app.command()
def up(provider: ProviderOption = None, kubeconfig: KubeconfigOption = None) -> None:
    """Bring the cluster up, unless it is, and print how to reach it."""
    chosen = choose_provider(provider, kubeconfig)
    print(f"export KUBECONFIG={chosen.up()}")


@app.command()
def down(provider: ProviderOption = None, kubeconfig: KubeconfigOption = None) -> None:
    """Take the cluster down without a trace."""
    choose_provider(provider, kubeconfig).down()


@app.command()
def status(provider: ProviderOption = None, kubeconfig: KubeconfigOption = None) -> None:
    """Show the cluster's parts; ends with 1 when it does not run."""
    chosen = choose_provider(provider, kubeconfig)
    found = chosen.status()
    console = Console(highlight=False)
    if found.components:
        table = Table("component", "state", "detail", title=f"{chosen.name} cluster", title_justify="left")
        for part in found.components:
            state = "[green]running[/green]" if part.healthy else "[red]failed[/red]"
            table.add_row(part.name, state, escape(part.detail))
        console.print(table)
    console.print(f"{chosen.name}: {'running' if found.running else 'not running'}")
    if not found.running:
        raise typer.Exit(1)
