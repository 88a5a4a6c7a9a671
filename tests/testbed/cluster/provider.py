"""What the rest of the testbed knows of a cluster, whichever way it came to be."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from testbed.cluster.kubectl import Kubectl


@dataclass(frozen=True)
class Component:
    """One line of a cluster's status: a part of it and how it is doing, in words."""

    name: str
    healthy: bool
    detail: str


@dataclass(frozen=True)
class ClusterStatus:
    """Whether a cluster runs, and its parts."""

    running: bool
    components: tuple[Component, ...] = ()


class Provider(Protocol):
    """A way to have a cluster."""

    @property
    def name(self) -> str:
        """The word for it on the command line: existing, kind, localnode."""
        ...

    @property
    def kubeconfig(self) -> Path:
        """The file that tells clients where the cluster is; exists once it is up."""
        ...

    def prepare(self) -> None:
        """Build and install what `up` needs and takes long, without starting anything.

        Raises:
            ClusterError: this machine lacks something.
        """
        ...

    def up(self) -> Path:
        """Bring the cluster up unless it is, wait until pods can run, and return `kubeconfig`.

        Raises:
            ClusterError: it did not come up, or this machine lacks something.
        """
        ...

    def down(self) -> None:
        """Remove the cluster and every trace of it; does nothing when there is none.

        Raises:
            ClusterError: something could not be removed.
        """
        ...

    def status(self) -> ClusterStatus:
        """Say how the cluster is doing."""
        ...

    def load_image(self, archive: Path, reference: str) -> None:
        """Make the image `reference` of an archive, as `docker save` writes it, available to the cluster's nodes.

        Raises:
            ClusterError: the cluster does not run, or does not have the image afterwards.
        """
        ...

    def kubectl(self) -> Kubectl:
        """Return kubectl, bound to this cluster.

        Raises:
            ClusterError: no kubectl is on this machine.
        """
        ...
