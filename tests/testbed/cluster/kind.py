"""A kind cluster: what a user with Docker gets."""

import json
from pathlib import Path

from testbed import pins
from testbed.cache import cache_root
from testbed.cluster import kind_program, nodes
from testbed.cluster.errors import ClusterError
from testbed.cluster.kubectl import Kubectl, find_kubectl
from testbed.cluster.provider import ClusterStatus
from testbed.progress import CONSOLE, step

CLUSTER = "attune"
CREATE_SECONDS = 900
"""Enough to pull the node image over a slow line."""

# The kubelet refuses cgroup v1 unless told otherwise; with cgroup v2 this changes nothing.
CONFIGURATION = {
    "apiVersion": "kind.x-k8s.io/v1alpha4",
    "kind": "Cluster",
    "kubeadmConfigPatches": [json.dumps({"kind": "KubeletConfiguration", "failCgroupV1": False})],
}


class KindCluster:
    """The kind cluster `attune`, whose kubeconfig is in this project's cache, not the user's."""

    name = "kind"

    @property
    def kubeconfig(self) -> Path:
        """The file that kind writes."""
        return cache_root() / "kind" / "kubeconfig"

    def prepare(self) -> None:
        """See Provider."""
        if reason := kind_program.obstacle():
            raise ClusterError(f"kind cannot run here: {reason}")
        kind_program.find()

    def up(self) -> Path:
        """See Provider."""
        self.prepare()
        if self._exists():
            kind_program.run("export", "kubeconfig", f"--name={CLUSTER}", f"--kubeconfig={self.kubeconfig}")
            self.kubectl().run("wait", "node", "--all", "--for=condition=Ready", "--timeout=60s")
            CONSOLE.print("The kind cluster runs already.")
            return self.kubeconfig
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        with step("Creating a kind cluster (the first time its node image is pulled)"):
            kind_program.run(
                "create",
                "cluster",
                f"--name={CLUSTER}",
                f"--image={pins.KIND_NODE_IMAGE}",
                f"--kubeconfig={self.kubeconfig}",
                "--config=-",
                "--wait=180s",
                stdin=json.dumps(CONFIGURATION),
                timeout=CREATE_SECONDS,
            )
            self.kubectl().run("wait", "serviceaccount/default", "--for=create", "--timeout=60s")
        return self.kubeconfig

    def down(self) -> None:
        """See Provider."""
        if self._exists():
            with step("Deleting the kind cluster"):
                kind_program.run("delete", "cluster", f"--name={CLUSTER}", f"--kubeconfig={self.kubeconfig}")
        self.kubeconfig.unlink(missing_ok=True)

    def status(self) -> ClusterStatus:
        """See Provider."""
        if not self.kubeconfig.exists():
            return ClusterStatus(running=False)
        return nodes.status(self.kubectl())

    def load_image(self, archive: Path, reference: str) -> None:
        """See Provider."""
        if not self._exists():
            raise ClusterError(f"no kind cluster is there to load {reference} into: python -m testbed cluster up")
        kind_program.load_image(archive, cluster=CLUSTER)

    def kubectl(self) -> Kubectl:
        """See Provider."""
        return Kubectl(find_kubectl(), self.kubeconfig)

    def _exists(self) -> bool:
        return CLUSTER in kind_program.run("get", "clusters").split()
