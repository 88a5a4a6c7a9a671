"""`python -m chaos`: kill everything at random under load, then check that every guarantee was kept.

The last line is CHAOS and the verdict as JSON; the exit code is 1 where a guarantee was broken.
"""

import asyncio
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from chaos.records import Records
from chaos.report import show
from chaos.run import Plan, Servers, run
from testbed.debian import PackageError
from testbed.progress import step
from testbed.services.postgres import PostgresServer
from testbed.services.rabbitmq import RabbitMQServer
from testbed.services.runner import NoRunnerError
from testbed.services.server import ServiceError

app = typer.Typer(help=__doc__, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def chaos(
    context: typer.Context,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long load and kills go on.")] = 10,
    seed: Annotated[
        int | None, typer.Option(help="Of all that is left to chance; printed where it is not given.")
    ] = None,
    gap: Annotated[float, typer.Option(min=0.5, help="Seconds before a strike, on average.")] = 4,
    folder: Annotated[Path | None, typer.Option(help="Keep the records here, whatever the verdict.")] = None,
) -> None:
    """Run, judge, and keep the records of what went wrong."""
    if context.invoked_subcommand is not None:
        return
    console = Console()
    kept = folder or Path(tempfile.mkdtemp(prefix="attune-chaos-"))
    kept.mkdir(parents=True, exist_ok=True)
    plan = Plan(minutes * 60, random.SystemRandom().randrange(1_000_000) if seed is None else seed, gap)
    console.print(f"seed {plan.seed}, {minutes:g} minutes, records in {kept}", soft_wrap=True)
    with PostgresServer() as postgres, RabbitMQServer() as rabbitmq:
        asyncio.run(run(plan, Servers(postgres, postgres.url, rabbitmq, rabbitmq.url), kept, console))
    good = _judge(kept, console)
    if good and folder is None:
        shutil.rmtree(kept)
    raise typer.Exit(0 if good else 1)


@app.command()
def check(folder: Annotated[Path, typer.Argument(help="The records of a run.")]) -> None:
    """Judge the records of a run again."""
    raise typer.Exit(0 if _judge(folder, Console()) else 1)


def _judge(folder: Path, console: Console) -> bool:
    with step("Check the history"):
        verdict = Records(folder).judge()
    show(console, verdict)
    if not verdict.good:
        console.print(f"The records are in {folder}", soft_wrap=True)
    typer.echo(f"CHAOS {json.dumps(verdict.document())}")
    return verdict.good


def main() -> None:
    """Run the command line; what a person can do something about is said without a traceback."""
    try:
        app()
    except (PackageError, NoRunnerError, ServiceError) as error:
        Console(stderr=True).print(f"[red]Error:[/red] {escape(str(error))}")
        sys.exit(1)


if __name__ == "__main__":
    main()
