"""The components' configuration files, as values of this machine's layout.

What is JSON here is YAML to the components as well.
"""

import json
from pathlib import Path
from string import Template
from typing import Any

from testbed import pins
from testbed.cluster.localnode import layout as addresses
from testbed.cluster.localnode.credentials import Credentials
from testbed.cluster.localnode.layout import POD_NETWORK, Layout

CNI_PROGRAMS = Path("/usr/lib/cni")
BRIDGE_MTU = 1500


def containerd(layout: Layout, *, runc: Path, snapshotter: str) -> str:
    """Return containerd's configuration; `snapshotter` is overlayfs or native."""
    template = Template((Path(__file__).parent / "containerd.toml").read_text())
    values: dict[str, str | Path] = {
        "root": layout.containerd,
        "state": layout.containerd_state,
        "socket": layout.containerd_socket,
        "snapshotter": snapshotter,
        "pause_image": pins.PAUSE_IMAGE,
        "cni_programs": CNI_PROGRAMS,
        "cni_configuration": layout.cni,
        "runc": runc,
        "runc_state": layout.containerd_state / "runc",
    }
    # A JSON string is a TOML string too.
    return template.substitute({name: json.dumps(str(value)) for name, value in values.items()})


def pod_network(layout: Layout) -> dict[str, Any]:
    """Return the CNI configuration: pods on the node's bridge, each with an address of the pods' range."""
    bridge = {
        "type": "bridge",
        "bridge": addresses.BRIDGE,
        "isGateway": True,
        "hairpinMode": True,
        # The node masquerades with one rule for all pods: one for each would be two more chains a pod.
        "ipMasq": False,
        "mtu": BRIDGE_MTU,
        "ipam": {
            "type": "host-local",
            "dataDir": str(layout.cni / "addresses"),
            "ranges": [[{"subnet": addresses.POD_RANGE, "gateway": addresses.BRIDGE_ADDRESS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return {"cniVersion": "1.0.0", "name": POD_NETWORK, "plugins": [bridge]}


def kubelet(layout: Layout, credentials: Credentials) -> dict[str, Any]:
    """Return the kubelet's configuration: a node that is never short of disk and enforces pods' limits only."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": addresses.BRIDGE_ADDRESS,
        "port": addresses.KUBELET_PORT,
        "readOnlyPort": 0,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": addresses.KUBELET_HEALTH_PORT,
        "tlsCertFile": str(credentials.kubelet.certificate),
        "tlsPrivateKeyFile": str(credentials.kubelet.key),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(credentials.cluster_authority)},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDomain": addresses.CLUSTER_DOMAIN,
        "clusterDNS": [addresses.BRIDGE_ADDRESS],
        # The machine's own resolver and search list stay out of the pods: names mean the same on each machine.
        "resolvConf": "",
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "podLogsDir": str(layout.pod_logs),
        "volumePluginDir": str(layout.kubelet / "plugins"),
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        # Images are loaded, not pulled: one that the kubelet removes is gone.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "makeIPTablesUtilChains": False,
        "maxPods": 200,
        "registerNode": True,
        "shutdownGracePeriod": "0s",
        "logging": {"verbosity": 1},
    }


def proxy(credentials: Credentials, *, masquerade_all: bool) -> dict[str, Any]:
    """Return kube-proxy's configuration; masquerade all where the kernel does not show bridged packets to iptables."""
    nothing = "0s"
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": str(credentials.proxy_kubeconfig)},
        "clusterCIDR": addresses.POD_RANGE,
        "hostnameOverride": addresses.NODE_NAME,
        "healthzBindAddress": f"127.0.0.1:{addresses.PROXY_HEALTH_PORT}",
        "metricsBindAddress": f"127.0.0.1:{addresses.PROXY_METRICS_PORT}",
        "nodePortAddresses": ["primary"],
        "iptables": {
            "masqueradeAll": masquerade_all,
            "localhostNodePorts": False,
            # With few Services a pass is cheap: they follow their pods at once.
            "minSyncPeriod": "100ms",
        },
        # These kernel settings cannot be written everywhere; zero leaves them as they are.
        "conntrack": {
            "maxPerCore": 0,
            "tcpEstablishedTimeout": nothing,
            "tcpCloseWaitTimeout": nothing,
            "udpTimeout": nothing,
            "udpStreamTimeout": nothing,
        },
    }


def dns(credentials: Credentials) -> str:
    """Return the Corefile: the cluster's own names; all others do not exist."""
    return f"""{addresses.CLUSTER_DOMAIN} in-addr.arpa:{addresses.DNS_PORT} {{
    bind {addresses.BRIDGE_ADDRESS}
    errors
    ready 127.0.0.1:{addresses.DNS_READY_PORT}
    cache 5
    kubernetes {addresses.CLUSTER_DOMAIN} in-addr.arpa {{
        kubeconfig "{credentials.dns_kubeconfig}"
        pods insecure
        ttl 5
    }}
}}
.:{addresses.DNS_PORT} {{
    bind {addresses.BRIDGE_ADDRESS}
    errors
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""


def dns_permissions() -> list[dict[str, Any]]:
    """Return what lets CoreDNS watch the objects that it answers from."""
    name = "system:coredns"
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": [
                {
                    "apiGroups": [""],
                    "resources": ["services", "namespaces", "pods"],
                    "verbs": ["list", "watch"],
                },
                {
                    "apiGroups": ["discovery.k8s.io"],
                    "resources": ["endpointslices"],
                    "verbs": ["list", "watch"],
                },
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
        },
    ]
