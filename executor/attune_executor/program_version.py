"""The option `--version`, alike in every program."""

from importlib.metadata import version
from typing import Any

import typer


def version_option(program: str, distribution: str) -> Any:
    """`--version` of ``program``, which ``distribution`` installs; it is answered before anything else is judged."""

    def end(wanted: bool) -> None:
        if wanted:
            typer.echo(f"{program} {version(distribution)}")
            raise typer.Exit

    return typer.Option("--version", callback=end, is_eager=True, help="Print the version and exit.")
