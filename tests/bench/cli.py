"""The benchmark's command line: which rows, how much, and where the results go."""

import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.catalog import ON_A_CLUSTER, ROWS
from bench.ground import Servers
from bench.profile import Profiler
from bench.results import Measurement, save
from bench.rows.row import Bench
from bench.sizes import SIZES, SizeName
from bench.table import table
from testbed.progress import step

_FOLDER = Path("bench-results")
_WIDTH = 180
"""Columns of the table where nobody looks at it on a terminal."""

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@app.command()
def bench(
    only: Annotated[
        str | None,
        typer.Option(
            help=f"Rows, separated by commas: {', '.join(ROWS)}; on a cluster {', '.join(ON_A_CLUSTER)}."
            " All but the latter unless given."
        ),
    ] = None,
    size: Annotated[SizeName, typer.Option(help="How much of everything.")] = SizeName.FULL,
    out: Annotated[Path | None, typer.Option(help="JSON file for the results.")] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Show where executor and workers spend their time; slower.")
    ] = False,
) -> None:
    """Measure Attune and other systems on a PostgreSQL and a RabbitMQ started for this, and print a table."""
    keys = only.split(",") if only else list(ROWS)
    known = {**ROWS, **ON_A_CLUSTER}
    if unknown := [key for key in keys if key not in known]:
        raise typer.BadParameter(f"no row {', '.join(unknown)}; there are {', '.join(known)}", param_hint="--only")
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    found: dict[str, Measurement] = {}
    state = Bench(SIZES[size], Profiler(_FOLDER / "profiles", console) if profile else None, found)
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    file = out or _FOLDER / f"{started.replace(':', '')}-{size.value}.json"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what was started, as Ctrl-C does
    with Servers() as servers:
        environment = {"started": started, "size": size.value, "profiled": profile, **servers.environment()}
        for key in keys:
            row = known[key]
            if state.profiler:
                state.profiler.row = key
            with servers.ground() as ground, step(f"({key}) {row.title}") as shown:
                found[key] = row.measure(ground, state, shown)
                # Row by row: who interrupts it keeps what there is.
                save(file, environment, list(found.values()))
    console.print(table(environment, list(found.values())))
    console.print(f"Results: {file}")


def main() -> None:
    """Run it."""
    app()
    sys.exit(0)
