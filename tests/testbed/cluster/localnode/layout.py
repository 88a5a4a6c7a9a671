"""Where the local node keeps its things, and the addresses and ports it uses.

Addresses and ports are fixed, and not the usual ones: a machine has at most one local node, and may have another
Kubernetes beside it.
"""

from dataclasses import dataclass
from pathlib import Path

from testbed.cache import cache_root

NODE_NAME = "attune-local"
CLUSTER_DOMAIN = "cluster.local"

POD_NETWORK = "attune-localnode"
BRIDGE = "attune0"
BRIDGE_ADDRESS = "10.244.0.1"
"""The node's own address on the pods' network: API server, kubelet and DNS listen here and nowhere else."""
POD_RANGE = "10.244.0.0/24"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"

API_PORT = 16443
ETCD_PORT = 12379
ETCD_PEER_PORT = 12380
CONTROLLER_MANAGER_PORT = 16457
SCHEDULER_PORT = 16459
KUBELET_PORT = 16450
KUBELET_HEALTH_PORT = 16448
PROXY_HEALTH_PORT = 16456
PROXY_METRICS_PORT = 16449
DNS_PORT = 53
DNS_READY_PORT = 16453

API_URL = f"https://{BRIDGE_ADDRESS}:{API_PORT}"
ETCD_URL = f"https://127.0.0.1:{ETCD_PORT}"


def listening() -> dict[str, tuple[str, int]]:
    """Return every address and port that the node listens on, by what listens there."""
    local = "127.0.0.1"
    return {
        "etcd": (local, ETCD_PORT),
        "etcd's peers": (local, ETCD_PEER_PORT),
        "kube-apiserver": (BRIDGE_ADDRESS, API_PORT),
        "kube-controller-manager": (local, CONTROLLER_MANAGER_PORT),
        "kube-scheduler": (local, SCHEDULER_PORT),
        "kubelet": (BRIDGE_ADDRESS, KUBELET_PORT),
        "kubelet's health": (local, KUBELET_HEALTH_PORT),
        "kube-proxy's health": (local, PROXY_HEALTH_PORT),
        "kube-proxy's metrics": (local, PROXY_METRICS_PORT),
        "CoreDNS": (BRIDGE_ADDRESS, DNS_PORT),
        "CoreDNS's readiness": (local, DNS_READY_PORT),
    }


@dataclass(frozen=True)
class Layout:
    """The folders and files of the local node below `root`, none of which survives it."""

    root: Path

    @classmethod
    def of_user(cls) -> "Layout":
        """Return the layout in the user's cache."""
        return cls(cache_root() / "localnode")

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, written when the cluster is ready."""
        return self.root / "kubeconfig"

    @property
    def machine(self) -> Path:
        """How the machine was before, to put it back so."""
        return self.root / "machine.json"

    @property
    def processes(self) -> Path:
        """One record for each process started."""
        return self.root / "processes"

    @property
    def logs(self) -> Path:
        """What the processes print."""
        return self.root / "logs"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.root / "pki"

    @property
    def configuration(self) -> Path:
        """The components' configuration files and kubeconfigs."""
        return self.root / "configuration"

    @property
    def etcd(self) -> Path:
        """etcd's data."""
        return self.root / "etcd"

    @property
    def kubelet(self) -> Path:
        """The kubelet's root: pods' volumes are mounted below."""
        return self.root / "kubelet"

    @property
    def pod_logs(self) -> Path:
        """What containers print."""
        return self.root / "pods"

    @property
    def containerd(self) -> Path:
        """Images and snapshots."""
        return self.root / "containerd"

    @property
    def containerd_state(self) -> Path:
        """Sockets and the running containers' mounts."""
        return self.root / "run"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd answers."""
        return self.containerd_state / "containerd.sock"

    @property
    def cni(self) -> Path:
        """The pod network's configuration, and in `addresses` which are given out."""
        return self.root / "cni"

    def log(self, component: str) -> Path:
        """Return the log of one component."""
        return self.logs / f"{component}.log"
