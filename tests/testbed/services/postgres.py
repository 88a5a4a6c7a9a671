"""A PostgreSQL server of one's own, and a fresh database in it for every test.

A database is copied from a template, which takes a fraction of the time that migrations would: prepare a
template once, copy it as often as needed.
"""

import secrets
import signal
from collections.abc import Callable
from urllib.parse import quote

import psycopg
from psycopg import sql

from testbed.services.ports import free_port
from testbed.services.program import Description
from testbed.services.runner import choose_runner
from testbed.services.server import Server


class PostgresServer(Server):
    """PostgreSQL on a loopback port, with role and database `attune` and a password of its own.

    Args:
        durable: fsync on, as in production; off saves time where losing the machine is not part of the test.
    """

    name = "PostgreSQL"

    def __init__(self, *, durable: bool = True) -> None:
        self.port = free_port()
        self._password = secrets.token_urlsafe(24)
        self._templates: dict[str, str] = {}
        super().__init__(
            choose_runner()(
                Description(
                    name="postgres",
                    script="run-postgres",
                    system_user="postgres",
                    stop_signal=signal.SIGINT,
                    environment={
                        "SERVICE_PORT": str(self.port),
                        "PGPASSWORD": self._password,
                        "POSTGRES_FSYNC": "on" if durable else "off",
                    },
                    ports=(self.port,),
                )
            )
        )

    @property
    def url(self) -> str:
        """The URL of the database `attune`, with its password."""
        return self.database_url("attune")

    def database_url(self, database: str) -> str:
        """Return the URL of a database of this server, with the password."""
        return f"postgresql://attune:{quote(self._password)}@127.0.0.1:{self.port}/{database}"

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def create_database(self, template: str = "template0") -> str:
        """Create a database with a name of its own as a copy of `template`; return its name.

        Nobody may be connected to the template meanwhile: PostgreSQL refuses the copy.
        """
        name = f"test_{secrets.token_hex(6)}"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, ending the connections it still has."""
        drop = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
        try:
            self._execute(drop + sql.SQL(" WITH (FORCE)"))
        except psycopg.errors.InsufficientPrivilege:
            # Autovacuum is at work in it, which `attune` may not end, but which makes way for this.
            self._execute(drop)

    def template(self, key: str, prepare: Callable[[str], None]) -> str:
        """Return the name of a database that `prepare` filled, calling it only the first time for this `key`.

        Args:
            key: what is in it, `migrated` for example.
            prepare: given the URL of an empty database; must close its connections before it returns.
        """
        if key not in self._templates:
            name = self.create_database()
            prepare(self.database_url(name))
            self._templates[key] = name
        return self._templates[key]

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)
