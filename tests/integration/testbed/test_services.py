"""The services of the testbed keep their promises: fresh, isolated, killable, durable, and cheap."""

import httpx
import psycopg
import pytest
from aio_pika import DeliveryMode, Message, connect

from testbed.services.postgres import PostgresServer
from testbed.services.rabbitmq import RabbitMQServer


def test_a_database_is_empty_and_owned_by_attune(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT current_user, usesuper, (SELECT count(*) FROM pg_tables WHERE schemaname = 'public')"
            " FROM pg_user WHERE usename = current_user"
        ).fetchone()
    assert row == ("attune", False, 0)


def test_fsync_is_on_as_in_production(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_a_wrong_password_is_refused(postgres_server: PostgresServer, rabbitmq_server: RabbitMQServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://attune:wrong@127.0.0.1:{postgres_server.port}/attune")
    answer = httpx.get(
        f"http://127.0.0.1:{rabbitmq_server.management_port}/api/overview",
        auth=("attune", "wrong"),
        trust_env=False,
    )
    assert answer.status_code == httpx.codes.UNAUTHORIZED


def test_a_template_is_prepared_once_and_copied(postgres_server: PostgresServer) -> None:
    prepared: list[str] = []

    def prepare(url: str) -> None:
        prepared.append(url)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE thing AS SELECT generate_series(1, 3) AS id")

    for _ in range(2):
        name = postgres_server.create_database(postgres_server.template("things", prepare))
        with psycopg.connect(postgres_server.database_url(name)) as connection:
            assert connection.execute("DELETE FROM thing").rowcount == 3
        postgres_server.drop_database(name)
    assert len(prepared) == 1


async def test_a_vhost_is_open_to_clients_and_has_no_queues_of_others(
    amqp_url: str, rabbitmq_server: RabbitMQServer
) -> None:
    connection = await connect(amqp_url)
    async with connection:
        channel = await connection.channel()
        await channel.declare_queue("execution.requested", durable=True)
    other = rabbitmq_server.create_vhost()
    queues = rabbitmq_server.management.get(f"queues/{other}").raise_for_status().json()
    rabbitmq_server.delete_vhost(other)
    assert queues == []


def test_a_killed_postgres_comes_back_with_what_was_committed() -> None:
    with PostgresServer() as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS id")
        server.kill()
        assert not server.answers()
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT id FROM kept").fetchone() == (1,)


def test_a_paused_postgres_is_silent_until_resumed() -> None:
    with PostgresServer(durable=False) as server, psycopg.connect(server.url) as connection:
        server.pause()
        assert not server.answers()
        server.resume()
        assert connection.execute("SELECT 1").fetchone() == (1,)


async def test_a_killed_rabbitmq_comes_back_with_its_durable_messages() -> None:
    with RabbitMQServer() as server:
        connection = await connect(server.url)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue("kept", durable=True)
            await channel.default_exchange.publish(
                Message(b"kept", delivery_mode=DeliveryMode.PERSISTENT), routing_key=queue.name
            )
        server.kill()
        assert not server.answers()
        server.start()
        connection = await connect(server.url)
        async with connection:
            channel = await connection.channel()
            queue = await channel.get_queue("kept")
            message = await queue.get()
            assert message.body == b"kept"
            await message.ack()
        server.restart()
        assert server.answers()
