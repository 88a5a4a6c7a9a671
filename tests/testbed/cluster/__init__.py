"""A Kubernetes cluster for development, tests and the demo: an existing one, kind, or a local node."""

from testbed.cluster.choice import choose_provider
from testbed.cluster.errors import ClusterError, KubectlError
from testbed.cluster.kubectl import Kubectl
from testbed.cluster.provider import ClusterStatus, Component, Provider

__all__ = [
    "ClusterError",
    "ClusterStatus",
    "Component",
    "Kubectl",
    "KubectlError",
    "Provider",
    "choose_provider",
]
