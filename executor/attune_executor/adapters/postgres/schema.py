"""Refuses to work with a database whose schema is not this program's.

Kept apart from the migrations, whose libraries take a second to import: a restarting executor does without them.
"""

import re
from importlib.resources import files
from typing import Final

from attune_executor.adapters.postgres.connection import away_is_journal_error, open_connection
from attune_executor.credentials import ServerUrl
from attune_executor.ports.journal import SchemaError

_MIGRATION: Final = re.compile(r"v(\d{4})_\w+\.py")
_VERSIONS: Final = files("attune_executor.adapters.postgres") / "migrations" / "versions"


def known_versions() -> list[str]:
    """The versions that this program has migrations for, ascending, as their files' names say."""
    matches = (_MIGRATION.fullmatch(entry.name) for entry in _VERSIONS.iterdir())
    return sorted(match[1] for match in matches if match is not None)


async def check_schema(url: ServerUrl) -> None:
    """Make sure that the database has exactly this program's schema.

    Raises:
        SchemaError: it has not; the message says what to do.
        JournalError: the database is away or refuses.
    """
    with away_is_journal_error("checking the schema"):
        connection = await open_connection(url)
        try:
            there = await connection.fetchval("SELECT to_regclass('attune.alembic_version') IS NOT NULL")
            version = await connection.fetchval("SELECT version_num FROM attune.alembic_version") if there else None
        finally:
            await connection.close()
    refuse_newer(version)
    wanted = known_versions()[-1]
    if version != wanted:
        found = f"at version {version}" if version else "not there"
        raise SchemaError(
            f"the database's schema attune is {found}, this program needs {wanted}: run `attune-executor migrate`"
        )


def refuse_newer(version: str | None) -> None:
    """Raise SchemaError where a newer release has been at the database."""
    if version is not None and version not in known_versions():
        raise SchemaError(
            f"the database's schema attune is at version {version}, which this program does not know (its newest is"
            f" {known_versions()[-1]}): it was migrated by a newer release, run that one"
        )
