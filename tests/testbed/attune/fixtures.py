"""Pytest fixtures: Attune deployed on the cluster under test, in a namespace that a demo beside it does not notice."""

from collections.abc import AsyncGenerator, Iterator

import pytest

from testbed.attune.callers import caller_token
from testbed.attune.client import Caller
from testbed.attune.cluster_view import ClusterView
from testbed.attune.deployment import deploy
from testbed.attune.port_forward import PortForward
from testbed.cluster.provider import Provider

TEST_NAMESPACE = "attune-test"


def deployed(cluster: Provider, namespace: str) -> Iterator[ClusterView]:
    """Deploy the development overlay, and delete it in the end."""
    deploy(cluster, namespace)
    view = ClusterView(cluster.kubectl(), namespace)
    yield view
    view.kubectl.run("delete", "clusterrolebinding", f"attune-operator:{namespace}", "--ignore-not-found")
    view.kubectl.run("delete", "namespace", namespace, "--wait=true", timeout=180)


@pytest.fixture(scope="session")
def attune(cluster: Provider) -> Iterator[ClusterView]:
    """The development overlay, running; deleted after the tests."""
    yield from deployed(cluster, TEST_NAMESPACE)


@pytest.fixture(scope="session")
def forward(attune: ClusterView) -> Iterator[PortForward]:
    """A way to the executor's API."""
    with PortForward(attune.kubectl, attune.namespace, "service/attune-executor", 8080) as forward:
        yield forward


@pytest.fixture
async def caller(attune: ClusterView, forward: PortForward) -> AsyncGenerator[Caller]:
    """A caller of the executor's API who may do everything."""
    caller = Caller(forward, caller_token(attune.kubectl, attune.namespace))
    yield caller
    await caller.close()
