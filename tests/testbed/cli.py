"""The testbed's command line: one command group for each thing that it brings up."""

import sys
from typing import Final

import typer
from rich.markup import escape

from testbed import chromium
from testbed.attune.cli import app as deploy
from testbed.attune.processes import ProcessError
from testbed.cluster.cli import app as cluster
from testbed.cluster.errors import ClusterError
from testbed.debian import PackageError
from testbed.demo.cli import app as demo
from testbed.docs.cli import app as docs
from testbed.golang import GoError
from testbed.helm import find_helm
from testbed.images.cli import app as image
from testbed.images.docker import DockerError
from testbed.monitoring import promtool
from testbed.pictures.cli import app as picture
from testbed.pictures.svg import PictureError
from testbed.progress import CONSOLE
from testbed.services.cli import app as services
from testbed.services.runner import NoRunnerError, choose_runner
from testbed.services.server import ServiceError
from testbed.trial.cli import app as trial
from testbed.trial.scenario import TrialError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(cluster, name="cluster")
app.add_typer(services, name="services")
app.add_typer(image, name="image")
app.add_typer(demo, name="demo")
app.add_typer(deploy, name="deploy")
app.add_typer(docs, name="docs")
app.add_typer(picture, name="picture")
app.add_typer(trial, name="try")


@app.command()
def tools() -> None:
    """Install what tests need besides a cluster: here its progress is seen, and no test's time runs out meanwhile."""
    choose_runner()
    chromium.find_program()
    if promtool.available():
        promtool.ensure()
    find_helm()


_EXPLAINED: Final = (
    PictureError,
    ClusterError,
    DockerError,
    GoError,
    NoRunnerError,
    PackageError,
    ProcessError,
    ServiceError,
    TrialError,
)


def main() -> None:
    """Run the command line; what a person can do something about is said without a traceback."""
    try:
        app()
    except _EXPLAINED as error:
        CONSOLE.print(f"[red]Error:[/red] {escape(str(error))}")
        sys.exit(1)
