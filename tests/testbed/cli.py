"""The testbed's command line: one command group for each thing that it brings up."""

import sys

import typer
from rich.markup import escape

from testbed.cluster.cli import app as cluster
from testbed.cluster.errors import ClusterError
from testbed.debian import PackageError
from testbed.golang import GoError
from testbed.progress import CONSOLE

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(cluster, name="cluster")


def main() -> None:
    """Run the command line; what a person can do something about is said without a traceback."""
    try:
        app()
    except (ClusterError, GoError, PackageError) as error:
        CONSOLE.print(f"[red]Error:[/red] {escape(str(error))}")
        sys.exit(1)
