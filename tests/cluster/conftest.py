"""The CRDs on the cluster under test, and replicas of the operator beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from attune_operator.crds import CRD_DIRECTORY, KINDS
from attune_operator.resources.policy import GROUP
from testbed.attune.operators import Operators
from testbed.cluster import Kubectl

_CRDS = [f"{kind.plural}.{GROUP}" for kind in KINDS]


@pytest.fixture(scope="session")
def policies_crd(kubectl: Kubectl) -> Iterator[None]:
    """The committed CRDs, established; each removed afterwards unless it was there before."""
    present = kubectl.run("get", "crd", *_CRDS, "--ignore-not-found", "--output=name")
    kubectl.run("apply", "--kustomize", str(CRD_DIRECTORY))
    kubectl.run("wait", "crd", *_CRDS, "--for=condition=Established", "--timeout=60s")
    yield
    for name in _CRDS:
        if name not in present:
            kubectl.run("delete", "crd", name)


@pytest.fixture
def operators(
    tmp_path: Path, kubectl: Kubectl, namespace: str, migrated_url: str, amqp_url: str
) -> Iterator[Operators]:
    """Starts replicas as processes of this machine, for a namespace and a database of the test's own."""
    with Operators(tmp_path, kubectl, namespace, migrated_url, amqp_url) as operators:
        yield operators
