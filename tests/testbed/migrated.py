"""Pytest fixture: a fresh database with the executor's schema, copied from one that was migrated once per test run."""

import asyncio
from collections.abc import Iterator

import pytest

from attune_executor.adapters.postgres.migration import migrate
from testbed.services.postgres import PostgresServer


def _migrate(url: str) -> None:
    asyncio.run(migrate(url))


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    """The migrated database to copy."""
    return postgres_server.template("migrated", _migrate)


@pytest.fixture
def migrated_url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    """The URL of a migrated database of this test's own."""
    name = postgres_server.create_database(migrated_template)
    yield postgres_server.database_url(name)
    postgres_server.drop_database(name)
