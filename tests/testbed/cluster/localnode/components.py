"""The processes that make the local node: their command lines, and how to see that each is ready."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.cluster.localnode import layout as addresses
from testbed.cluster.localnode import probes
from testbed.cluster.localnode.credentials import EXTENSION_CLIENT, Credentials
from testbed.cluster.localnode.layout import Layout
from testbed.cluster.localnode.probes import Probe


@dataclass(frozen=True)
class Programs:
    """Where the components' programs are."""

    kubernetes: Path
    containerd: Path
    coredns: Path
    etcd: Path


@dataclass(frozen=True)
class Component:
    """A process: its name, command line, probe, and the most seconds from its start until it is ready."""

    name: str
    command: tuple[str, ...]
    ready: Probe
    deadline: float = 60.0


@dataclass(frozen=True)
class Files:
    """The configuration files written for the components."""

    containerd: Path
    kubelet: Path
    proxy: Path
    dns: Path


def control_plane(layout: Layout, programs: Programs, credentials: Credentials) -> Sequence[Component]:
    """Return etcd, the API server and what acts through it, in the order in which they start."""
    return (
        _etcd(layout, programs, credentials),
        _api_server(layout, programs, credentials),
        _controller_manager(programs, credentials),
        _scheduler(programs, credentials),
    )


def container_runtime(layout: Layout, programs: Programs, files: Files) -> Component:
    """Return containerd."""
    address = str(layout.containerd_socket)
    return Component(
        "containerd",
        (str(programs.containerd / "containerd"), f"--config={files.containerd}"),
        probes.command([str(programs.containerd / "ctr"), f"--address={address}", "version"]),
    )


def node(layout: Layout, programs: Programs, files: Files, credentials: Credentials) -> Sequence[Component]:
    """Return what makes this machine a node with Services and names."""
    kubelet = Component(
        "kubelet",
        (
            str(programs.kubernetes / "kubelet"),
            f"--config={files.kubelet}",
            f"--kubeconfig={credentials.kubelet_kubeconfig}",
            f"--root-dir={layout.kubelet}",
            f"--cert-dir={layout.pki}",
            f"--node-ip={addresses.BRIDGE_ADDRESS}",
            f"--hostname-override={addresses.NODE_NAME}",
        ),
        probes.http(f"http://127.0.0.1:{addresses.KUBELET_HEALTH_PORT}/healthz"),
    )
    proxy = Component(
        "kube-proxy",
        (str(programs.kubernetes / "kube-proxy"), f"--config={files.proxy}"),
        probes.http(f"http://127.0.0.1:{addresses.PROXY_HEALTH_PORT}/healthz"),
    )
    dns = Component(
        "coredns",
        (str(programs.coredns), f"-conf={files.dns}"),
        probes.http(f"http://127.0.0.1:{addresses.DNS_READY_PORT}/ready"),
    )
    return kubelet, proxy, dns


def _etcd(layout: Layout, programs: Programs, credentials: Credentials) -> Component:
    peer_url = f"https://127.0.0.1:{addresses.ETCD_PEER_PORT}"
    return Component(
        "etcd",
        (
            str(programs.etcd),
            "--name=local",
            f"--data-dir={layout.etcd}",
            # The data do not outlive the node: nothing is lost when the machine stops in the middle.
            "--unsafe-no-fsync",
            f"--listen-client-urls={addresses.ETCD_URL}",
            f"--advertise-client-urls={addresses.ETCD_URL}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=local={peer_url}",
            f"--cert-file={credentials.etcd.certificate}",
            f"--key-file={credentials.etcd.key}",
            f"--trusted-ca-file={credentials.etcd_authority}",
            "--client-cert-auth",
            f"--peer-cert-file={credentials.etcd.certificate}",
            f"--peer-key-file={credentials.etcd.key}",
            f"--peer-trusted-ca-file={credentials.etcd_authority}",
            "--peer-client-cert-auth",
            "--logger=zap",
            "--log-level=warn",
        ),
        probes.http(
            f"{addresses.ETCD_URL}/health",
            trusting=credentials.etcd_authority,
            identity=credentials.etcd_client,
        ),
    )


def _api_server(layout: Layout, programs: Programs, credentials: Credentials) -> Component:
    issuer = f"https://kubernetes.default.svc.{addresses.CLUSTER_DOMAIN}"
    return Component(
        "kube-apiserver",
        (
            str(programs.kubernetes / "kube-apiserver"),
            f"--bind-address={addresses.BRIDGE_ADDRESS}",
            f"--advertise-address={addresses.BRIDGE_ADDRESS}",
            f"--secure-port={addresses.API_PORT}",
            f"--cert-dir={layout.pki}",
            f"--etcd-servers={addresses.ETCD_URL}",
            f"--etcd-cafile={credentials.etcd_authority}",
            f"--etcd-certfile={credentials.etcd_client.certificate}",
            f"--etcd-keyfile={credentials.etcd_client.key}",
            f"--service-cluster-ip-range={addresses.SERVICE_RANGE}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--client-ca-file={credentials.cluster_authority}",
            f"--tls-cert-file={credentials.api_server.certificate}",
            f"--tls-private-key-file={credentials.api_server.key}",
            f"--kubelet-certificate-authority={credentials.cluster_authority}",
            f"--kubelet-client-certificate={credentials.kubelet_client.certificate}",
            f"--kubelet-client-key={credentials.kubelet_client.key}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--requestheader-client-ca-file={credentials.extension_authority}",
            f"--requestheader-allowed-names={EXTENSION_CLIENT}",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={credentials.extension_client.certificate}",
            f"--proxy-client-key-file={credentials.extension_client.key}",
            f"--service-account-issuer={issuer}",
            f"--service-account-key-file={credentials.service_accounts.certificate}",
            f"--service-account-signing-key-file={credentials.service_accounts.key}",
        ),
        probes.http(
            f"{addresses.API_URL}/readyz",
            trusting=credentials.cluster_authority,
            identity=credentials.administrator,
        ),
        deadline=120.0,
    )


def _controller_manager(programs: Programs, credentials: Credentials) -> Component:
    kubeconfig = credentials.controller_manager_kubeconfig
    return Component(
        "kube-controller-manager",
        (
            str(programs.kubernetes / "kube-controller-manager"),
            *_behind_api(kubeconfig, addresses.CONTROLLER_MANAGER_PORT),
            f"--service-account-private-key-file={credentials.service_accounts.key}",
            f"--root-ca-file={credentials.cluster_authority}",
            "--use-service-account-credentials",
        ),
        probes.http(f"https://127.0.0.1:{addresses.CONTROLLER_MANAGER_PORT}/healthz"),
    )


def _scheduler(programs: Programs, credentials: Credentials) -> Component:
    return Component(
        "kube-scheduler",
        (
            str(programs.kubernetes / "kube-scheduler"),
            *_behind_api(credentials.scheduler_kubeconfig, addresses.SCHEDULER_PORT),
        ),
        probes.http(f"https://127.0.0.1:{addresses.SCHEDULER_PORT}/healthz"),
    )


def _behind_api(kubeconfig: Path, port: int) -> tuple[str, ...]:
    """Return the options that the controller manager and the scheduler share; there is one of each, so no election."""
    return (
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--leader-elect=false",
    )
