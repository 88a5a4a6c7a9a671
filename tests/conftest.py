"""Fixtures for every test; the testbed's are plugins, so that each lives beside what it starts."""

import signal

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says nothing about what it shows: these machines are busy. CI tries the same examples every
# time, so that what fails there is what a change has broken; `--full` searches on, and prints how to repeat a find.
_UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("the same", _UNHURRIED, derandomize=True)
settings.register_profile("search", _UNHURRIED, print_blob=True)
settings.load_profile("the same")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in a shell's background: programs that tests end by Ctrl-C would inherit that they ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "testbed.services.fixtures",
    "testbed.migrated",
    "testbed.cluster.fixtures",
    "testbed.attune.fixtures",
    "testbed.docs.fixtures",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="the proofs in full, for hours, rather than in the size of CI")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--full"):
        settings.load_profile("search")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the proofs that search (examples, seeds, mutations) are to search in full."""
    return bool(request.config.getoption("--full"))
