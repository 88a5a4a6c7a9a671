"""Asking before something is done that cannot be undone, or that all would notice."""

import sys
from typing import Annotated, TypeAlias

import typer

from attune_operator.ctl.errors import UsageError
from attune_operator.ctl.output import Output

Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
DryRun: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]


def confirm(question: str, output: Output) -> None:
    """Return where whoever sits at the terminal says yes; end the command well where they say no.

    Raises:
        UsageError: nobody sits there.
    """
    if not output.for_people or not sys.stdin.isatty():
        raise UsageError("nobody can be asked here: look with --dry-run, then add --yes")
    if not typer.confirm(question):
        raise typer.Exit(0)
