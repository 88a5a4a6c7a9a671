"""Where everything runs: one PostgreSQL that is really durable, one RabbitMQ, and a fresh database and virtual host for
each row."""

import platform
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import psycopg

from bench.cpu import listener
from testbed.services.postgres import PostgresServer
from testbed.services.rabbitmq import RabbitMQServer

DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
_PROBED_COMMITS = 200


class NotDurableError(RuntimeError):
    """PostgreSQL is set up in a way that makes every number a lie."""


@dataclass(frozen=True)
class Ground:
    """What a row stands on: an empty database, an empty virtual host, a folder for logs; all are gone afterwards."""

    database_url: str
    amqp_url: str
    folder: Path
    processes: Mapping[str, psutil.Process]
    """PostgreSQL and RabbitMQ, to read their CPU time."""


class Servers:
    """Both servers while the context lasts."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._rabbitmq, self._postgres = RabbitMQServer(), PostgresServer(durable=True)
            for server in (self._rabbitmq, self._postgres):
                stack.callback(server.discard)
                server.launch()
            for server in (self._rabbitmq, self._postgres):
                server.wait_ready()
            self._refuse_lies()
            self._processes = {
                "postgresql": listener(self._postgres.port),
                "rabbitmq": listener(self._rabbitmq.port),
            }
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @contextmanager
    def ground(self) -> Generator[Ground]:
        """A fresh ground for one row."""
        with ExitStack() as stack:
            database = self._postgres.create_database()
            stack.callback(self._postgres.drop_database, database)
            vhost = self._rabbitmq.create_vhost()
            stack.callback(self._rabbitmq.delete_vhost, vhost)
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="attune-bench-"))
            yield Ground(
                self._postgres.database_url(database), self._rabbitmq.vhost_url(vhost), Path(folder), self._processes
            )

    def environment(self) -> dict[str, Any]:
        """What the numbers depend on: machine, versions, and what one durable commit costs here."""
        with psycopg.connect(self._postgres.url, autocommit=True) as connection:
            version = connection.info.parameter_status("server_version")
            connection.execute("CREATE TABLE commit_probe (number integer)")
            started = time.monotonic()
            for number in range(_PROBED_COMMITS):
                connection.execute("INSERT INTO commit_probe VALUES (%s)", [number])
            commit_ms = (time.monotonic() - started) / _PROBED_COMMITS * 1000
            connection.execute("DROP TABLE commit_probe")
        overview = self._rabbitmq.management.get("overview").raise_for_status().json()
        return {
            "cores": psutil.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "python": platform.python_version(),
            "postgresql": version,
            "rabbitmq": overview["rabbitmq_version"],
            "file_system": _file_system(Path(tempfile.gettempdir())),
            "durable_commit_ms": round(commit_ms, 2),
            "load_before": round(psutil.getloadavg()[0], 2),
        }

    def _refuse_lies(self) -> None:
        with psycopg.connect(self._postgres.url) as connection:
            for setting in DURABLE:
                row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
                if row != ("on",):
                    raise NotDurableError(f"PostgreSQL runs with {setting} = {row}: set it on")


def _file_system(path: Path) -> str:
    mounts = [mount for mount in psutil.disk_partitions(all=True) if path.is_relative_to(mount.mountpoint)]
    return max(mounts, key=lambda mount: len(mount.mountpoint)).fstype if mounts else "unknown"
