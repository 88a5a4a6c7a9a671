"""The project's programs as their own parsers know them: for the reference, and to judge a command line in the docs."""

from collections.abc import Sequence
from typing import Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

import attune_executor.cli
import attune_executor.worker.cli
import attune_operator.ctl.main
import attune_operator.main


def _worker() -> typer.Typer:
    app = typer.Typer(add_completion=False)
    app.command()(attune_executor.worker.cli.work)
    return app


PROGRAMS: Final = {
    "attune": get_command(attune_operator.ctl.main.app),
    "attune-executor": get_command(attune_executor.cli.app),
    "attune-operator": get_command(attune_operator.main.app),
    "attune-worker": get_command(_worker()),
}


def mistake(words: Sequence[str]) -> str | None:
    """What a program's parser says against a command line that begins with its name; None where it takes it."""
    name, rest = words[0], list(words[1:])
    command = PROGRAMS[name]
    while isinstance(command, TyperGroup):
        if not rest:
            return None  # the program's or group's name, which explains itself
        if rest[0] not in command.commands:
            known = {"--help", *(flag for option in command.params for flag in option.opts)}
            return None if rest[0] in known else f"{name} has no command {rest[0]}"
        name = rest.pop(0)
        command = command.commands[name]
    if "--help" in rest:
        return None
    try:
        command.make_context(name, rest)
    except typer.Exit:
        return None
    except Exception as error:  # noqa: BLE001 - the parser's own errors have no public base class
        return f"{' '.join(words)}: {_said(error)}"
    return None


def _said(error: Exception) -> str:
    return getattr(error, "message", None) or str(error)


def commands() -> list[tuple[str, TyperCommand | TyperGroup]]:
    """Every command and group of commands by the words that call it, in their order."""
    found: list[tuple[str, TyperCommand | TyperGroup]] = []

    def walk(name: str, command: object) -> None:
        assert isinstance(command, TyperCommand | TyperGroup)
        found.append((name, command))
        if isinstance(command, TyperGroup):
            for word, child in command.commands.items():
                walk(f"{name} {word}", child)

    for name, program in PROGRAMS.items():
        walk(name, program)
    return found
