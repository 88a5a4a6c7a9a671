"""The local node's network: a bridge for the pods, and the rules that let their packets pass.

Other programs keep rules in the same tables, Docker for one. What is removed is only what this node brought: rules
with its tag, and Kubernetes' own chains, which kube-proxy and the kubelet make; a machine that has such chains without
the tag runs another Kubernetes, and is left alone.
"""

import errno
import ipaddress
import json
import re
import socket
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from testbed.cluster.errors import ClusterError
from testbed.cluster.localnode.layout import (
    BRIDGE,
    BRIDGE_ADDRESS,
    DNS_PORT,
    POD_RANGE,
    SERVICE_RANGE,
    listening,
)

TAG = "attune-localnode"
BRIDGE_MAC = "02:61:74:74:75:6e"
"""Fixed, since a bridge's own changes with the interfaces that come and go, and the pods remember it."""
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
BRIDGED_PACKETS = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")

_RULES = (
    ("filter", "INPUT", ("-i", BRIDGE, "-j", "ACCEPT")),
    # Docker makes dropping the default for packets that pass through.
    ("filter", "FORWARD", ("-i", BRIDGE, "-j", "ACCEPT")),
    ("filter", "FORWARD", ("-o", BRIDGE, "-j", "ACCEPT")),
    ("nat", "POSTROUTING", ("-s", POD_RANGE, "!", "-o", BRIDGE, "-j", "MASQUERADE")),
)
_KUBERNETES_CHAIN = re.compile(r"^:(KUBE-\S+)")
_INTO_KUBERNETES = re.compile(r" -j KUBE-")


def create() -> None:
    """Make the bridge and the rules.

    Raises:
        ClusterError: an address range is in use on this machine.
    """
    refuse_overlap(_run_json("ip", "-json", "-4", "route", "show"))
    _run("ip", "link", "add", BRIDGE, "address", BRIDGE_MAC, "type", "bridge")
    prefix = ipaddress.ip_network(POD_RANGE).prefixlen
    _run("ip", "address", "add", f"{BRIDGE_ADDRESS}/{prefix}", "dev", BRIDGE)
    _run("ip", "link", "set", BRIDGE, "up")
    FORWARDING.write_text("1")
    for table, chain, rule in _RULES:
        tagged = ("-m", "comment", "--comment", TAG, *rule)
        _run("iptables", "--wait", "--table", table, "--insert", chain, *tagged)


def bridged_packets_visible() -> bool:
    """Make the kernel show packets between pods to iptables, and tell whether it does.

    Without it an answer from one pod to another finds its way past the translation that a Service began.
    """
    if not BRIDGED_PACKETS.exists():
        # Where the module is missing or loaded by others only, the caller has another way.
        subprocess.run(["modprobe", "br_netfilter"], capture_output=True, check=False)
    if not BRIDGED_PACKETS.exists():
        return False
    BRIDGED_PACKETS.write_text("1")
    return True


def remove() -> None:
    """Remove the bridge with the pods' interfaces on it, and all rules and chains of this node."""
    if _exists(BRIDGE):
        ports = _run_json("ip", "-json", "link", "show", "master", BRIDGE)
        for port in ports:
            # Gone already when its pod's end went with the last process of the pod.
            subprocess.run(["ip", "link", "delete", port["ifname"]], capture_output=True, check=False)
        _run("ip", "link", "delete", BRIDGE)
    if not _own_rules_present():
        return
    for family in ("iptables", "ip6tables"):
        script = removal_script(_run(f"{family}-save"))
        if script:
            _run(f"{family}-restore", "--wait", "--noflush", stdin=script)


def refuse_foreign_kubernetes() -> None:
    """Raise ClusterError when another Kubernetes node keeps its chains on this machine."""
    if _KUBERNETES_CHAIN.search(_run("iptables-save")) and not _own_rules_present():
        raise ClusterError(
            "iptables has chains of another Kubernetes node (KUBE-…). Name its kubeconfig with --kubeconfig to use it, "
            "or stop it and remove its chains."
        )


def refuse_overlap(routes: Iterable[dict[str, Any]]) -> None:
    """Raise ClusterError when a route of `ip -json route` overlaps the addresses of pods or Services."""
    for route in routes:
        destination, device = str(route.get("dst", "default")), str(route.get("dev", ""))
        if destination == "default":
            continue
        network = ipaddress.ip_network(destination)
        for own in (POD_RANGE, SERVICE_RANGE):
            if network.overlaps(ipaddress.ip_network(own)):
                raise ClusterError(
                    f"the local node needs {own}, but this machine reaches {destination} through {device}. "
                    "Take that interface down, or use another provider."
                )


def refuse_taken_ports() -> None:
    """Raise ClusterError, naming all of them, when others listen on ports of the node; the bridge must exist."""
    taken = [
        f"{address}:{port} ({what})"
        for what, (address, port) in listening().items()
        if _is_taken(address, port, socket.SOCK_STREAM)
        or (port == DNS_PORT and _is_taken(address, port, socket.SOCK_DGRAM))
    ]
    if taken:
        raise ClusterError(f"other programs listen on the local node's ports: {', '.join(taken)}. Stop them.")


def removal_script(saved: str) -> str:
    """Return the iptables-restore input that removes this node's rules and chains.

    `saved` is what iptables-save printed. Tables without any are left out; empty when there are none at all.
    """
    script: list[str] = []
    for table, body in _tables(saved):
        if removals := _removals(body):
            script += [f"*{table}", *removals, "COMMIT"]
    return "".join(f"{line}\n" for line in script)


def _removals(lines: Sequence[str]) -> list[str]:
    """Return what removes them: rules in others' chains first, or their targets could not go."""
    chains = [found[1] for line in lines if (found := _KUBERNETES_CHAIN.match(line))]
    rules = [
        line.replace("-A", "-D", 1)
        for line in lines
        if line.startswith("-A ")
        and not line.startswith("-A KUBE-")
        and (_INTO_KUBERNETES.search(line) or f"--comment {TAG} " in line)
    ]
    return [*rules, *(f"-F {chain}" for chain in chains), *(f"-X {chain}" for chain in chains)]


def _tables(saved: str) -> Iterable[tuple[str, list[str]]]:
    table, body = "", list[str]()
    for line in saved.splitlines():
        if line.startswith("*"):
            table, body = line[1:].strip(), []
        elif line.strip() == "COMMIT":
            yield table, body
        else:
            body.append(line)


def _own_rules_present() -> bool:
    return f"--comment {TAG} " in _run("iptables-save")


def _is_taken(address: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections may linger
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise
    return False


def _exists(interface: str) -> bool:
    return Path(f"/sys/class/net/{interface}").exists()


def _run(*command: str, stdin: str | None = None) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def _run_json(*command: str) -> list[dict[str, Any]]:
    return json.loads(_run(*command) or "[]")
