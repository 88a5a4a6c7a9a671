"""What a node leaves on the machine beside its own folder: containers, control groups, mounts, files in system folders.

Works without any of the node's processes and after a crash in any state; what is already gone is not missed.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from testbed.cluster.errors import ClusterError
from testbed.cluster.localnode.layout import POD_NETWORK
from testbed.cluster.localnode.processes import ProcessRecord, identify

CGROUPS = Path("/sys/fs/cgroup")
POD_CGROUP = "kubepods"
SHIM = "containerd-shim-runc-v2"
SHIM_SOCKETS = Path("/run/containerd/s")
NETWORK_NOTES = Path("/var/lib/cni/results")
CONTAINER_LOG_LINKS = Path("/var/log/containers")
SECONDS = 10.0


def pod_cgroups() -> list[Path]:
    """Return the top control groups of pods: one, or with cgroup v1 one for each controller."""
    found = [CGROUPS / POD_CGROUP, *CGROUPS.glob(f"*/{POD_CGROUP}")]
    return sorted({path.resolve() for path in found if path.is_dir()})


def kill_containers() -> None:
    """Kill every process in the pods' control groups, and wait until they are gone.

    Raises:
        ClusterError: some are not.
    """
    deadline = time.monotonic() + SECONDS
    while pids := {pid for group in pod_cgroups() for pid in _members(group)}:
        if time.monotonic() >= deadline:
            raise ClusterError(f"processes of pods survive SIGKILL: {sorted(pids)}")
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def remove_pod_cgroups() -> None:
    """Remove the pods' control groups, innermost first; they must be empty.

    Raises:
        ClusterError: the kernel still counts members.
    """
    deadline = time.monotonic() + SECONDS
    while groups := pod_cgroups():
        for group in groups:
            for folder, _, _ in os.walk(group, topdown=False):
                with suppress(OSError):  # busy until the kernel has let go of the last member: the loop comes back
                    Path(folder).rmdir()
        if time.monotonic() >= deadline and pod_cgroups():
            raise ClusterError(f"these control groups are still in use: {', '.join(map(str, groups))}")
        time.sleep(0.02)


def shims(containerd_socket: Path) -> list[ProcessRecord]:
    """Return the shims of a containerd, which are its children no more: those that were given its socket."""
    found: list[ProcessRecord] = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
            command = process.cmdline()
            if command and Path(command[0]).name == SHIM and str(containerd_socket) in command:
                found.append(identify(SHIM, process.pid))
    return found


def unmount_below(folder: Path) -> None:
    """Unmount everything mounted at or below `folder`, the innermost first.

    Raises:
        ClusterError: something stays mounted.
    """
    table = Path("/proc/self/mountinfo")
    if mounted := mounts_below(folder, table.read_text()):
        subprocess.run(["umount", "--lazy", *mounted], capture_output=True, check=False)
    if mounted := mounts_below(folder, table.read_text()):
        raise ClusterError(f"could not unmount {', '.join(mounted)}")


def mounts_below(folder: Path, mountinfo: str) -> list[str]:
    """Return the mount points at or below `folder` in the text of /proc/self/mountinfo, the innermost first."""
    points = [_unescape(line.split()[4]) for line in mountinfo.splitlines()]
    inside = [point for point in points if Path(point).is_relative_to(folder)]
    return sorted(inside, key=lambda point: point.count("/"), reverse=True)


def clear_system_folders(pod_logs: Path, created: Iterable[Path]) -> None:
    """Remove what containerd and the kubelet leave in folders whose names cannot be set.

    These are links to logs in `pod_logs`, the pod network's notes, and sockets that nobody listens on any more. Of the
    folders that the node `created`, those go that are empty then: others may use them as well by now.
    """
    created = list(created)
    for link in CONTAINER_LOG_LINKS.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(pod_logs):
            link.unlink()
    for note in NETWORK_NOTES.glob(f"{POD_NETWORK}-*"):
        note.unlink()
    listened_on = {line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines()}
    for folder in (SHIM_SOCKETS, *created):
        for path in folder.rglob("*"):
            if path.is_socket() and str(path) not in listened_on:
                path.unlink()
    for top in created:
        for folder, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):  # not empty
                Path(folder).rmdir()


def remove_folder(folder: Path) -> None:
    """Remove the node's own folder, in which nothing may be mounted any more."""
    unmount_below(folder)
    if folder.exists():
        shutil.rmtree(folder)


def _members(group: Path) -> Sequence[int]:
    members: list[int] = []
    for folder, _, _ in os.walk(group):
        with suppress(OSError):  # removed meanwhile
            members.extend(int(line) for line in (Path(folder) / "cgroup.procs").read_text().split())
    return members


def _unescape(mount_point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), mount_point)
