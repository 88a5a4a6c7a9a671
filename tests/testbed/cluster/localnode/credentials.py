"""Who is who in the local node: one identity for each component, and a kubeconfig for each client of the API server."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.cluster.localnode.authority import Authority, Identity, key_pair
from testbed.cluster.localnode.layout import (
    API_SERVICE_ADDRESS,
    API_URL,
    BRIDGE_ADDRESS,
    CLUSTER_DOMAIN,
    NODE_NAME,
    Layout,
)

CONTEXT = "attune-localnode"
EXTENSION_CLIENT = "kube-apiserver-extension-client"
API_NAMES = (
    BRIDGE_ADDRESS,
    API_SERVICE_ADDRESS,
    "127.0.0.1",
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    f"kubernetes.default.svc.{CLUSTER_DOMAIN}",
)


@dataclass(frozen=True)
class Credentials:
    """Files with certificates, keys and kubeconfigs, by who uses them."""

    cluster_authority: Path
    etcd_authority: Path
    etcd: Identity
    etcd_client: Identity
    api_server: Identity
    kubelet_client: Identity
    """What the API server shows the kubelet."""
    kubelet: Identity
    service_accounts: Identity
    extension_authority: Path
    extension_client: Identity
    """What the API server shows the servers of aggregated APIs; without it its clients cannot tell who may ask."""
    controller_manager_kubeconfig: Path
    scheduler_kubeconfig: Path
    kubelet_kubeconfig: Path
    proxy_kubeconfig: Path
    dns_kubeconfig: Path
    administrator_kubeconfig: Path
    administrator: Identity


def issue_all(layout: Layout) -> Credentials:
    """Make the authorities and everything that they issue."""
    cluster = Authority("cluster", layout.pki)
    etcd = Authority("etcd-authority", layout.pki)
    extensions = Authority("extension-authority", layout.pki)
    layout.configuration.mkdir(parents=True, exist_ok=True)

    def kubeconfig(name: str, identity: Identity) -> Path:
        path = layout.configuration / f"{name}.kubeconfig"
        document = render_kubeconfig(cluster.certificate.read_bytes(), identity, user=name)
        path.touch(mode=0o600)
        path.write_text(json.dumps(document, indent=2))
        return path

    def component(name: str) -> Path:
        return kubeconfig(name, cluster.issue(name, f"system:{name}"))

    kubelet = cluster.issue(
        "kubelet", f"system:node:{NODE_NAME}", groups=["system:nodes"], serves=[BRIDGE_ADDRESS, NODE_NAME]
    )
    administrator = cluster.issue("administrator", "attune-administrator", groups=["system:masters"])
    return Credentials(
        cluster_authority=cluster.certificate,
        etcd_authority=etcd.certificate,
        etcd=etcd.issue("etcd", "etcd", serves=["127.0.0.1", "localhost"]),
        etcd_client=etcd.issue("etcd-client", "kube-apiserver"),
        api_server=cluster.issue("kube-apiserver", "kube-apiserver", serves=API_NAMES),
        kubelet_client=cluster.issue("kubelet-client", "kube-apiserver-kubelet-client", groups=["system:masters"]),
        kubelet=kubelet,
        service_accounts=key_pair(layout.pki, "service-accounts"),
        extension_authority=extensions.certificate,
        extension_client=extensions.issue("extension-client", EXTENSION_CLIENT),
        controller_manager_kubeconfig=component("kube-controller-manager"),
        scheduler_kubeconfig=component("kube-scheduler"),
        kubelet_kubeconfig=kubeconfig("kubelet", kubelet),
        proxy_kubeconfig=component("kube-proxy"),
        dns_kubeconfig=component("coredns"),
        administrator_kubeconfig=kubeconfig("administrator", administrator),
        administrator=administrator,
    )


def render_kubeconfig(authority: bytes, identity: Identity, *, user: str) -> dict[str, Any]:
    """Return a kubeconfig that holds all it needs, with PEM data inside and no paths."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CONTEXT,
        "clusters": [
            {"name": CONTEXT, "cluster": {"server": API_URL, "certificate-authority-data": _base64(authority)}}
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _base64(identity.certificate.read_bytes()),
                    "client-key-data": _base64(identity.key.read_bytes()),
                },
            }
        ],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": user}}],
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
