"""Pytest fixtures: the cluster of a test run, and a namespace for each test."""

import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

from testbed.cluster.choice import choose_provider
from testbed.cluster.kubectl import Kubectl
from testbed.cluster.provider import Provider


@pytest.fixture(scope="session")
def cluster() -> Iterator[Provider]:
    """The cluster; one that ran before the tests is used and left, one that they brought up is taken down."""
    provider = choose_provider()
    was_running = provider.status().running
    provider.up()
    yield provider
    if not was_running:
        provider.down()


@pytest.fixture(scope="session")
def kubectl(cluster: Provider) -> Kubectl:
    """Kubectl for the cluster."""
    return cluster.kubectl()


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace of the test's own, under the restricted Pod Security standard; deleted afterwards with all in it."""
    with fresh_namespace(kubectl) as name:
        yield name


@contextmanager
def fresh_namespace(kubectl: Kubectl) -> Generator[str]:
    """Make a namespace under the restricted Pod Security standard, and delete it in the end."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    kubectl.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}])
    try:
        yield name
    finally:
        kubectl.run("delete", "namespace", name, "--wait=false")
