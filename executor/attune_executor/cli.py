"""`attune-executor`: the executor on its own, and its database.

Exit codes: 0 stopped after SIGTERM or SIGINT, 1 failed for a reason that is not foreseen, 2 wrong configuration or
database schema, 69 the database or the broker cannot be reached, 75 another executor has taken over. SIGHUP has the
configuration read again.
"""

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, NoReturn, TypeVar

import orjson
import structlog
import typer
import uvloop
from pydantic import ValidationError

from attune_executor import standalone
from attune_executor.adapters.everybody_here import EverybodyHere
from attune_executor.api.app import create_api
from attune_executor.api.certificate import CertificateError
from attune_executor.api.service import AbsentHistory, AbsentService
from attune_executor.api.settings import ApiSettings
from attune_executor.configuration import ConfigurationError, describe
from attune_executor.domain.errors import PolicyError
from attune_executor.garbage import collect_rarely
from attune_executor.ports.broker import BrokerError
from attune_executor.ports.journal import FencedError, JournalError, SchemaError
from attune_executor.program_version import version_option
from attune_executor.settings import MigrationSettings, Settings, unknown_variables

EXIT_FAILED: Final = 1
EXIT_CONFIGURATION: Final = 2
EXIT_UNAVAILABLE: Final = 69
EXIT_TAKEN_OVER: Final = 75
_log: Final = structlog.get_logger("attune.executor")
_SECTIONS: Final = frozenset({*Settings.model_fields, "worker", "operator"})

_DATABASE_REMEDY: Final = "start PostgreSQL, or correct database.url"

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
_Kind = TypeVar("_Kind", bound=MigrationSettings)
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Configuration file; ATTUNE__SECTION__KEY variables win over it.")
]


@app.callback()
def attune_executor(
    version: Annotated[bool, version_option("attune-executor", "attune-executor")] = False,
) -> None:
    """Attune's executor: per-action FIFO queues with a concurrency limit."""
    del version


@app.command()
def run(config: ConfigFile = None) -> None:
    """Run the executor with the policies of its configuration until SIGTERM.

    SIGHUP: read the configuration again. What it says of policies, emergency mode, rate limits and logging takes
    effect at once; a file with a mistake is refused, and the one before stays in force.

    Exit codes: 0 stopped in order, 1 failed, 2 wrong configuration or database schema, 69 the database or the broker
    cannot be reached, 75 another executor has taken over.
    """
    settings = _load(config, _settings)
    settings.log.configure()
    collect_rarely()
    try:
        uvloop.run(_run(settings, lambda: _settings(config)))
    except ConfigurationError as error:
        _give_up(EXIT_CONFIGURATION, str(error))
    except FencedError as error:
        _give_up(EXIT_TAKEN_OVER, str(error))
    except SchemaError as error:
        _give_up(EXIT_CONFIGURATION, str(error))
    except JournalError as error:
        _give_up(EXIT_UNAVAILABLE, f"{error}; {_DATABASE_REMEDY}")
    except BrokerError as error:
        _give_up(EXIT_UNAVAILABLE, f"{error}; start RabbitMQ, or correct message_queue.url")
    except CertificateError as error:
        _give_up(EXIT_CONFIGURATION, str(error))
    except OSError as error:
        reason = f"cannot listen on {settings.api.host}:{settings.api.port}: {error.strerror or error}"
        _give_up(EXIT_UNAVAILABLE, f"{reason}; correct api.host or api.port, or stop what listens there")
    except Exception as error:
        # In the log's own format, where whoever looks for the reason of a restart will find it.
        _log.exception("the executor failed")
        raise typer.Exit(EXIT_FAILED) from error


@app.command()
def migrate(config: ConfigFile = None) -> None:
    """Create or upgrade schema attune in the database; of the configuration only database.url is needed."""
    # Imported here: these libraries take a second, which every start of the executor would wait for.
    from attune_executor.adapters.postgres.migration import migrate as migrate_database  # noqa: PLC0415

    try:
        version = asyncio.run(migrate_database(_load(config, _migration_settings).database.connection_url))
    except SchemaError as error:
        _give_up(EXIT_CONFIGURATION, str(error))
    except JournalError as error:
        _give_up(EXIT_UNAVAILABLE, f"{error}; {_DATABASE_REMEDY}")
    typer.echo(f"schema attune is at version {version}")


@app.command()
def openapi() -> None:
    """Print the OpenAPI description of the HTTP API, as /openapi.json serves it; needs no configuration."""
    typer.echo(
        orjson.dumps(
            create_api(AbsentService(), ApiSettings(), history=AbsentHistory(), authorizer=EverybodyHere()).openapi(),
            option=orjson.OPT_INDENT_2,
        ).decode()
    )


async def _run(settings: Settings, load: Callable[[], Settings]) -> None:
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    await standalone.run(settings, stop, reload, load)


def _load(config: Path | None, read: Callable[[Path | None], _Kind]) -> _Kind:
    try:
        return read(config)
    except ConfigurationError as error:
        _give_up(EXIT_CONFIGURATION, str(error))


def _settings(config: Path | None) -> Settings:
    """The whole configuration, its policies looked at.

    Raises:
        ConfigurationError: with everything that is wrong.
    """
    settings = _read(config, Settings)
    try:
        settings.queue_policies()
        settings.emergency()
    except PolicyError as error:
        raise ConfigurationError(str(error)) from error
    return settings


def _migration_settings(config: Path | None) -> MigrationSettings:
    return _read(config, MigrationSettings)


def _read(config: Path | None, kind: type[_Kind]) -> _Kind:
    if unknown := unknown_variables(_SECTIONS):
        raise ConfigurationError(f"{', '.join(unknown)}: no such setting, remove it or correct its section")
    try:
        return kind.load(config)
    except ValidationError as error:
        raise ConfigurationError(describe(error, kind)) from error


def _give_up(code: int, reason: str) -> NoReturn:
    typer.echo(f"attune-executor: {reason}", err=True)
    sys.exit(code)


def main() -> None:
    """Entry point of `attune-executor`."""
    app()
