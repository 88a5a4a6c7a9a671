"""Brings a database to the schema that this program works with.

Alembic keeps the version in ``attune.alembic_version``; the migrations are package data beside this module.
"""

from collections.abc import Callable
from importlib.resources import as_file, files
from typing import Final, TypeVar

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from attune_executor.adapters.postgres.connection import UNREACHABLE, open_connection
from attune_executor.adapters.postgres.schema import refuse_newer
from attune_executor.credentials import ServerUrl
from attune_executor.ports.journal import JournalError

_LOCK_KEY: Final = 0x617474756E65  # "attune" in ASCII
_PACKAGE: Final = files("attune_executor.adapters.postgres")
_Result = TypeVar("_Result")


async def migrate(url: ServerUrl) -> str:
    """Create or upgrade schema ``attune``; two that start at once take turns. Returns the version reached.

    Raises:
        SchemaError: the database is newer than this program.
        JournalError: the database is away or refuses.
    """
    return await _with_connection(url, _upgrade)


def _upgrade(connection: Connection) -> str:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS attune"))
    with as_file(_PACKAGE / "migrations") as folder:
        config = _config(str(folder))
        scripts = ScriptDirectory.from_config(config)
        refuse_newer(_version(connection))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return scripts.get_current_head() or ""


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table_schema": "attune"}).get_current_revision()


def _config(folder: str) -> Config:
    config = Config()
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


async def _with_connection(url: ServerUrl, work: Callable[[Connection], _Result]) -> _Result:
    async def connect() -> asyncpg.Connection:
        return await open_connection(url)

    engine = create_async_engine("postgresql+asyncpg://", poolclass=NullPool, async_creator=connect)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    except DBAPIError as error:
        raise JournalError(f"the database refused: {error.orig}") from error
    except UNREACHABLE as error:
        raise JournalError(f"the database is away: {error!r}") from error
    finally:
        await engine.dispose()
