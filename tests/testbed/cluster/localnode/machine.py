"""What the local node needs of the machine, and how the machine was before: written down first, put back at the end."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.cluster.errors import ClusterError
from testbed.cluster.localnode import network
from testbed.cluster.localnode.configuration import CNI_PROGRAMS
from testbed.debian import PackageError, ensure_packages

PACKAGES = {
    "etcd": "etcd-server",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "umount": "mount",
}
CNI_PACKAGE = "containernetworking-plugins"

SETTINGS = tuple(
    Path("/proc/sys") / name
    for name in (
        "net/ipv4/ip_forward",
        "net/bridge/bridge-nf-call-iptables",
        "vm/overcommit_memory",
        "vm/panic_on_oom",
        "kernel/panic",
        "kernel/panic_on_oops",
        "kernel/keys/root_maxkeys",
        "kernel/keys/root_maxbytes",
    )
)
"""The kernel settings that the node changes: the first two for the pods' network, the others by the kubelet."""

FOLDERS = tuple(
    map(
        Path,
        (
            "/run/containerd",
            "/var/lib/cni",
            "/var/lib/kubelet",
            "/var/log/containers",
        ),
    )
)
"""Folders of fixed names that containerd and the kubelet make."""


@dataclass(frozen=True)
class Before:
    """The machine before the node: kernel settings by file, and which of FOLDERS were absent."""

    settings: dict[str, str]
    absent: list[str]

    @classmethod
    def look(cls) -> "Before":
        """Return how the machine is now."""
        return cls(
            {str(path): path.read_text().strip() for path in SETTINGS if path.exists()},
            [str(path) for path in FOLDERS if not path.exists()],
        )

    @classmethod
    def read(cls, file: Path) -> "Before | None":
        """Return what `write` wrote; None when nothing did."""
        if not file.exists():
            return None
        document: dict[str, Any] = json.loads(file.read_text())
        return cls(**document)

    def write(self, file: Path) -> None:
        """Write it down, whole or not at all."""
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps({"settings": self.settings, "absent": self.absent}))
        unfinished.rename(file)

    def restore_settings(self) -> None:
        """Put the kernel settings back."""
        for name, value in self.settings.items():
            path = Path(name)
            if path == network.FORWARDING and Path("/sys/class/net/docker0").exists():
                continue  # Docker came meanwhile and sets it only when it starts
            if path.exists() and path.read_text().strip() != value:
                path.write_text(value)


def require() -> dict[str, Path]:
    """Return where the programs of PACKAGES are, after installing the packages of those that are missing.

    Raises:
        ClusterError: this machine cannot run a local node; the message says what is missing.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        raise ClusterError("the local node needs root on Linux: it makes containers, mounts and network interfaces")
    packages = [package for program, package in PACKAGES.items() if find(program) is None]
    if not (CNI_PROGRAMS / "bridge").exists():
        packages.append(CNI_PACKAGE)
    if packages:
        try:
            ensure_packages(packages)
        except PackageError as error:
            raise ClusterError(f"the local node: {error}") from error
    return {program: _required(program) for program in PACKAGES}


def find(program: str) -> Path | None:
    """Return where a program is, also one for administrators, whose folders users' paths leave out."""
    found = shutil.which(program, path=search_path())
    return Path(found) if found else None


def search_path() -> str:
    """Return the PATH with the folders of administrators' programs."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def snapshotter(folder: Path) -> str:
    """Return overlayfs when it works on the file system of `folder`, which exists; else native, which copies."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        parts = {name: Path(scratch) / name for name in ("lower", "upper", "work", "merged")}
        for part in parts.values():
            part.mkdir()
        options = f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']}"
        mount = ["mount", "-t", "overlay", "-o", options, "overlay", str(parts["merged"])]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            return "native"
        subprocess.run(["umount", str(parts["merged"])], check=True)
    return "overlayfs"


def _required(program: str) -> Path:
    found = find(program)
    if found is None:
        raise ClusterError(f"the local node needs {program}, which package {PACKAGES[program]} did not bring")
    return found
