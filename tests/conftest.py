"""Fixtures for every test; the testbed's are plugins, so that each lives beside what it starts."""

pytest_plugins = [
    "testbed.services.fixtures",
    "testbed.migrated",
    "testbed.cluster.fixtures",
    "testbed.attune.fixtures",
]
