"""A cluster that somebody else keeps: the user names its kubeconfig, and it is neither made nor removed here."""

from pathlib import Path

from testbed.cluster import kind_program, nodes
from testbed.cluster.errors import ClusterError
from testbed.cluster.kubectl import Kubectl, find_kubectl
from testbed.cluster.provider import ClusterStatus
from testbed.progress import CONSOLE

KIND_CONTEXT = "kind-"


class ExistingCluster:
    """The cluster of the current context of a kubeconfig."""

    name = "existing"

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig

    @property
    def kubeconfig(self) -> Path:
        """The file that the user named."""
        return self._kubeconfig

    def prepare(self) -> None:
        """See Provider: here there is nothing to do."""

    def up(self) -> Path:
        """See Provider: here it only makes sure that the cluster answers."""
        if not self._kubeconfig.is_file():
            raise ClusterError(f"there is no kubeconfig at {self._kubeconfig}")
        self.kubectl().run("get", "--raw=/readyz")
        CONSOLE.print(f"Using the cluster of {self._kubeconfig}.")
        return self._kubeconfig

    def down(self) -> None:
        """See Provider: here it does nothing."""
        CONSOLE.print(f"The cluster of {self._kubeconfig} was not made here and is left as it is.")

    def status(self) -> ClusterStatus:
        """See Provider."""
        return nodes.status(self.kubectl())

    def load_image(self, archive: Path, reference: str) -> None:
        """See Provider."""
        context = self.kubectl().run("config", "current-context").strip()
        if not context.startswith(KIND_CONTEXT):
            raise ClusterError(
                f"images cannot be loaded into the cluster of {self._kubeconfig}: "
                f"push {reference} to a registry that it can pull from"
            )
        kind_program.load_image(archive, cluster=context.removeprefix(KIND_CONTEXT))

    def kubectl(self) -> Kubectl:
        """See Provider."""
        return Kubectl(find_kubectl(), self._kubeconfig)
