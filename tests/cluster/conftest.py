"""The CRD on the cluster under test."""

from collections.abc import Iterator

import pytest

from attune_operator.crds import CRD_DIRECTORY
from testbed.cluster import Kubectl

_CRD = "actionqueuepolicies.attune.io"


@pytest.fixture(scope="session")
def policies_crd(kubectl: Kubectl) -> Iterator[None]:
    """The committed CRD, established; removed afterwards unless it was there before."""
    was_there = bool(kubectl.run("get", "crd", _CRD, "--ignore-not-found", "--output=name").strip())
    kubectl.run("apply", "--filename", str(CRD_DIRECTORY / f"{_CRD}.yaml"))
    kubectl.run("wait", "crd", _CRD, "--for=condition=Established", "--timeout=30s")
    yield
    if not was_there:
        kubectl.run("delete", "crd", _CRD)
