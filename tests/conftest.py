"""Fixtures for every test; the testbed's are plugins, so that each lives beside what it starts."""

import pytest
from hypothesis import settings

# How long an example takes says nothing about what it shows: these machines are busy.
settings.register_profile("attune", deadline=None, print_blob=True)
settings.load_profile("attune")

pytest_plugins = [
    "testbed.services.fixtures",
    "testbed.migrated",
    "testbed.cluster.fixtures",
    "testbed.attune.fixtures",
    "testbed.docs.fixtures",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="the proofs in full, for hours, rather than in the size of CI")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the proofs that search (examples, seeds, mutations) are to search in full."""
    return bool(request.config.getoption("--full"))
