"""Credentials and certificates of the real servers: passwords that change while everything runs, and TLS."""

import asyncio
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import psycopg
import pytest
from psycopg import sql

from attune_executor.adapters.postgres.connection import open_connection
from attune_executor.amqp.link import Link, Session
from attune_executor.amqp.settings import MessageQueueSettings
from attune_executor.ports.broker import BrokerError
from attune_executor.settings import DatabaseSettings
from testbed.attune.processes import AttuneProcesses, HostProcess
from testbed.cluster.localnode.authority import Authority
from testbed.services.host import HostProgram
from testbed.services.ports import free_port
from testbed.services.postgres import PostgresServer
from testbed.services.rabbitmq import RabbitMQServer

REF = "core.echo"
SECONDS = 120.0


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL of the test's own, whose settings and passwords it may change."""
    with PostgresServer(durable=False) as server:
        yield server


@pytest.fixture
def administrator(server: PostgresServer) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.url.replace("//attune:", "//postgres:"), autocommit=True) as connection:
        yield connection


def until(look: Callable[[], bool], *processes: HostProcess) -> None:
    deadline = time.monotonic() + SECONDS
    while not look():
        assert time.monotonic() < deadline, "\n".join(process.log() for process in processes)
        time.sleep(0.1)


class Password:
    """A password that is in a file, as a mounted Secret is."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.value = ""

    def renew(self) -> str:
        self.value = secrets.token_urlsafe(18)
        self.file.write_text(f"{self.value}\n")
        return self.value


def test_passwords_are_changed_without_a_restart(
    tmp_path: Path,
    server: PostgresServer,
    administrator: psycopg.Connection,
    rabbitmq_server: RabbitMQServer,
    amqp_url: str,
) -> None:
    database, broker = Password(tmp_path / "database"), Password(tmp_path / "broker")
    user, vhost = f"rotating-{secrets.token_hex(4)}", urlsplit(amqp_url).path.removeprefix("/")
    management = rabbitmq_server.management

    def change_both() -> None:
        password = sql.Literal(database.renew())
        administrator.execute(sql.SQL("ALTER ROLE attune PASSWORD {}").format(password))
        body = {"password": broker.renew(), "tags": ""}
        management.put(f"users/{user}", json=body).raise_for_status()

    def end_all_connections() -> None:
        administrator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'attune'")
        for connection in management.get(f"vhosts/{vhost}/connections").raise_for_status().json():
            if "name" in connection:  # a new one has none for a moment
                management.delete(f"connections/{connection['name']}")

    change_both()
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    management.put(f"permissions/{vhost}/{user}", json=everything).raise_for_status()
    environment = {
        "ATTUNE__DATABASE__PASSWORD_FILE": str(database.file),
        "ATTUNE__MESSAGE_QUEUE__PASSWORD_FILE": str(broker.file),
    }
    database_url = f"postgresql://attune@127.0.0.1:{server.port}/attune"
    broker_url = f"amqp://{user}@127.0.0.1:{rabbitmq_server.port}/{vhost}"
    with AttuneProcesses(tmp_path, database_url, broker_url, {REF: {"concurrency_limit": 2}}, environment) as attune:
        attune.migrate()
        executor, worker = attune.executor(), attune.worker()
        seen = [database.value, broker.value]
        assert run_one(attune, executor, worker)
        for _ in range(2):
            change_both()
            seen += [database.value, broker.value]
            end_all_connections()
            assert run_one(attune, executor, worker)
        assert executor.running
        assert worker.running
        logs = executor.log() + worker.log()
        assert [password for password in seen if password in logs] == []
    management.delete(f"users/{user}")


def run_one(attune: AttuneProcesses, executor: HostProcess, worker: HostProcess) -> bool:
    """Have an execution accepted and run to its end."""
    key = secrets.token_hex(8)
    accepted: list[int] = []

    def submitted() -> bool:
        body = {"action_ref": REF, "idempotency_key": key}
        answer = httpx.post(f"{attune.url}/api/v1/executions", json=body, timeout=60)
        if answer.status_code == 201:
            accepted.append(answer.json()["data"]["id"])
        return answer.status_code == 201

    def succeeded() -> bool:
        answer = httpx.get(f"{attune.url}/api/v1/executions/{accepted[-1]}", timeout=60)
        return answer.status_code == 200 and answer.json()["data"]["status"] == "succeeded"

    until(submitted, executor, worker)
    until(succeeded, executor, worker)
    return True


def write_on_the_server(administrator: psycopg.Connection, name: str, content: bytes) -> str:
    """Have the server itself write a file, readable by nobody else; returns where it is."""
    row = administrator.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'").fetchone()
    assert row is not None
    path = f"{row[0]}/{name}"
    lines = json.dumps(content.decode().splitlines())
    query = sql.SQL("COPY (SELECT json_array_elements_text({})) TO PROGRAM {}")
    administrator.execute(query.format(sql.Literal(lines), sql.Literal(f"umask 077; cat >'{path}'")))
    return path


async def test_tls_to_postgresql_with_the_clients_own_certificate(
    tmp_path: Path, server: PostgresServer, administrator: psycopg.Connection
) -> None:
    authority, stranger = Authority("authority", tmp_path / "a"), Authority("stranger", tmp_path / "s")
    serving = authority.issue("server", "server", serves=["127.0.0.1"])
    files = {
        "ssl_cert_file": serving.certificate.read_bytes(),
        "ssl_key_file": serving.key.read_bytes(),
        "ssl_ca_file": authority.certificate.read_bytes(),
    }
    for setting, content in files.items():
        path = write_on_the_server(administrator, setting, content)
        administrator.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(setting), sql.Literal(path)))
    administrator.execute("ALTER SYSTEM SET ssl = on")
    administrator.execute("SELECT pg_reload_conf()")

    def settings(trusted: Authority, user: Authority | None) -> DatabaseSettings:
        tls = {"ca_file": str(trusted.certificate)}
        if user is not None:
            own = user.issue("client", "attune")
            tls |= {"certificate_file": str(own.certificate), "key_file": str(own.key)}
        return DatabaseSettings.model_validate({"url": server.url, "tls": tls})

    async def session(settings: DatabaseSettings) -> tuple[bool, str | None]:
        connection = await open_connection(settings.connection_url)
        try:
            row = await connection.fetchrow("SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        finally:
            await connection.close()
        assert row is not None
        return row["ssl"], row["client_dn"]

    async with asyncio.timeout(SECONDS):
        while True:
            try:
                assert await session(settings(authority, None)) == (True, None)
                break
            except (ConnectionError, asyncpg.PostgresError):
                await asyncio.sleep(0.1)  # it has not read its settings again yet
    assert await session(settings(authority, authority)) == (True, "/CN=attune")
    with pytest.raises(OSError, match="certificate verify failed"):
        await session(settings(stranger, None))


class TlsRabbitMQ(RabbitMQServer):
    """A broker of this machine that speaks TLS as well, and asks clients for certificates of its own authority."""

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self.tls_port = free_port()
        program = self._program
        if not isinstance(program, HostProgram):
            pytest.skip("its configuration is only at hand where the broker is a process of this machine")
        self._folder = program._directory  # pyright: ignore[reportPrivateUsage] - the script's own has no TLS
        serving = authority.issue("broker", "broker", serves=["127.0.0.1"])
        files = {"cacertfile": authority.certificate, "certfile": serving.certificate, "keyfile": serving.key}
        for name, file in files.items():
            self._write(name, file.read_text())
        options = ", ".join(f'{{{name}, "{self._folder / name}"}}' for name in files)
        tls = f"[{options}, {{verify, verify_peer}}, {{fail_if_no_peer_cert, true}}]"
        listeners = f'[{{"127.0.0.1", {self.tls_port}}}]'
        advanced = f"[{{rabbit, [{{ssl_listeners, {listeners}}}, {{ssl_options, {tls}}}]}}]."
        self._write("config/advanced.config", advanced)
        self._write("config/rabbitmq-env.conf", f"ADVANCED_CONFIG_FILE={self._folder}/config/advanced.config")

    def _write(self, name: str, content: str) -> None:
        """A file that only the broker's user reads."""
        owner = self._folder.stat()
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        for each in {path, path.parent} - {self._folder}:
            os.chown(each, owner.st_uid, owner.st_gid)
        path.chmod(0o600)


async def test_tls_to_rabbitmq_with_the_clients_own_certificate(tmp_path: Path) -> None:
    authority, stranger = Authority("authority", tmp_path / "a"), Authority("stranger", tmp_path / "s")

    def link(server: TlsRabbitMQ, trusted: Authority, user: Authority) -> Link:
        own = user.issue("client", "attune")
        tls = {"ca_file": trusted.certificate, "certificate_file": own.certificate, "key_file": own.key}
        url = server.url.replace("amqp://", "amqps://").replace(f":{server.port}/", f":{server.tls_port}/")
        settings = MessageQueueSettings.model_validate({"url": url, "tls": tls})
        return Link(settings.connection_url, "test", settings.queue_type)

    async def prepare(session: Session) -> None:
        assert session.publishing is not None

    server = TlsRabbitMQ(authority)
    with server:
        right = link(server, authority, authority)
        await right.start(prepare)
        assert right.session is not None
        await right.stop()
        with pytest.raises(BrokerError, match="certificate verify failed"):
            await link(server, stranger, authority).start(prepare)
        with pytest.raises(BrokerError):
            await link(server, authority, stranger).start(prepare)
