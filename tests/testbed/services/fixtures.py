"""Pytest fixtures: one PostgreSQL and one RabbitMQ for a test run, a fresh database and virtual host for each
test.

Both servers are launched as soon as the first test asks for either, if any collected test needs the other,
so that the slower one starts beside the faster one and its tests.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from testbed.services.postgres import PostgresServer
from testbed.services.rabbitmq import RabbitMQServer
from testbed.services.server import Server

SERVERS: dict[str, Callable[[], Server]] = {"rabbitmq_server": RabbitMQServer, "postgres_server": PostgresServer}


@pytest.fixture(scope="session")
def _launched_servers(request: pytest.FixtureRequest) -> Iterator[dict[str, Server]]:
    """The servers that the collected tests need, launched but not yet waited for."""
    needed: set[str] = {
        name for item in request.session.items if isinstance(item, pytest.Function) for name in item.fixturenames
    }
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        for fixture, make_server in SERVERS.items():
            if fixture in needed:
                servers[fixture] = make_server()
                stack.callback(servers[fixture].discard)
                servers[fixture].launch()
        yield servers


@pytest.fixture(scope="session")
def postgres_server(_launched_servers: dict[str, Server]) -> PostgresServer:
    """The test run's PostgreSQL. A test that kills or pauses it brings it back."""
    server = _launched_servers["postgres_server"]
    assert isinstance(server, PostgresServer)
    server.wait_ready()
    return server


@pytest.fixture(scope="session")
def rabbitmq_server(_launched_servers: dict[str, Server]) -> RabbitMQServer:
    """The test run's RabbitMQ. A test that kills or pauses it brings it back."""
    server = _launched_servers["rabbitmq_server"]
    assert isinstance(server, RabbitMQServer)
    server.wait_ready()
    return server


@pytest.fixture(scope="session")
def database_template() -> str:
    """The database that each test's own is a copy of: empty, unless a conftest overrides this fixture."""
    return "template0"


@pytest.fixture
def database_url(postgres_server: PostgresServer, database_template: str) -> Iterator[str]:
    """The URL of a fresh database of this test's own."""
    name = postgres_server.create_database(database_template)
    yield postgres_server.database_url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def amqp_url(rabbitmq_server: RabbitMQServer) -> Iterator[str]:
    """The URL of a fresh virtual host of this test's own."""
    name = rabbitmq_server.create_vhost()
    yield rabbitmq_server.vhost_url(name)
    rabbitmq_server.delete_vhost(name)
