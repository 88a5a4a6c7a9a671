"""Commands around the documentation."""

import sys
from typing import Annotated

import typer

from testbed.docs.counterparts import contents

app = typer.Typer(no_args_is_help=True)


@app.callback()
def docs() -> None:
    """Commands around the documentation."""


@app.command()
def runbook(
    heading: Annotated[str, typer.Option(help="Only headings with these words.")] = "",
) -> None:
    """Print the runbook's headings, and what the project has for each, as Markdown."""
    for entry in contents():
        if heading.lower() in entry.heading.lower():
            counterparts = ", ".join(f"{each.kind} `{each.name}`" for each in entry.counterparts)
            sys.stdout.write(f"{'  ' * (entry.level - 1)}- {entry.heading}: {counterparts}\n")
