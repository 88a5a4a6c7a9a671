"""`attune-executor`: the executor on its own, and its database.

Exit codes: 0 stopped after SIGTERM or SIGINT, 2 wrong configuration or database schema, 69 the database or the broker
cannot be reached, 75 another executor has taken over.
"""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated, Final, NoReturn, TypeVar

import orjson
import typer
import uvloop
from pydantic import ValidationError

from attune_executor import app as executor_app
from attune_executor.api.app import create_api
from attune_executor.api.service import AbsentService
from attune_executor.configuration import ConfigurationError, describe
from attune_executor.domain.errors import PolicyError
from attune_executor.ports.broker import BrokerError
from attune_executor.ports.journal import FencedError, JournalError, SchemaError
from attune_executor.settings import ApiSettings, MigrationSettings, Settings, unknown_variables

EXIT_CONFIGURATION: Final = 2
EXIT_UNAVAILABLE: Final = 69
EXIT_TAKEN_OVER: Final = 75
_SECTIONS: Final = frozenset({*Settings.model_fields, "worker", "operator"})

app = typer.Typer(help="Attune's executor: per-action FIFO queues with a concurrency limit.", no_args_is_help=True)
_Kind = TypeVar("_Kind", bound=MigrationSettings)
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Configuration file; ATTUNE__SECTION__KEY variables win over it.")
]


@app.command()
def run(config: ConfigFile = None) -> None:
    """Run the executor with the policies of its configuration until SIGTERM."""
    settings = _load(config, Settings)
    try:
        settings.queue_policies()
        settings.emergency()
    except PolicyError as error:
        _give_up(EXIT_CONFIGURATION, str(error))
    settings.log.configure()
    try:
        uvloop.run(_run(settings))
    except FencedError as error:
        _give_up(EXIT_TAKEN_OVER, str(error))
    except SchemaError as error:
        _give_up(EXIT_CONFIGURATION, str(error))
    except (JournalError, BrokerError) as error:
        _give_up(EXIT_UNAVAILABLE, str(error))
    except OSError as error:
        _give_up(EXIT_UNAVAILABLE, f"cannot listen on {settings.api.host}:{settings.api.port}: {error}")


@app.command()
def migrate(config: ConfigFile = None) -> None:
    """Create or upgrade schema attune in the database; of the configuration only database.url is needed."""
    # Imported here: these libraries take a second, which every start of the executor would wait for.
    from attune_executor.adapters.postgres.migration import migrate as migrate_database  # noqa: PLC0415

    try:
        version = asyncio.run(migrate_database(_load(config, MigrationSettings).database.url.get_secret_value()))
    except SchemaError as error:
        _give_up(EXIT_CONFIGURATION, str(error))
    except JournalError as error:
        _give_up(EXIT_UNAVAILABLE, str(error))
    typer.echo(f"schema attune is at version {version}")


@app.command()
def openapi() -> None:
    """Print the OpenAPI description of the HTTP API, as /openapi.json serves it; needs no configuration."""
    typer.echo(orjson.dumps(create_api(AbsentService(), ApiSettings()).openapi(), option=orjson.OPT_INDENT_2).decode())


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await executor_app.run(settings, stop)


def _load(config: Path | None, kind: type[_Kind]) -> _Kind:
    if unknown := unknown_variables(_SECTIONS):
        _give_up(EXIT_CONFIGURATION, f"{', '.join(unknown)}: no such setting, remove it or correct its section")
    try:
        return kind.load(config)
    except ValidationError as error:
        _give_up(EXIT_CONFIGURATION, describe(error, kind))
    except ConfigurationError as error:
        _give_up(EXIT_CONFIGURATION, str(error))


def _give_up(code: int, reason: str) -> NoReturn:
    typer.echo(f"attune-executor: {reason}", err=True)
    sys.exit(code)


def main() -> None:
    """Entry point of `attune-executor`."""
    app()
