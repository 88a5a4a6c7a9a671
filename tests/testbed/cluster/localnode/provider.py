"""The local node as a provider of a cluster: what happens in which order, up and down."""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from testbed import pins
from testbed.cache import cache_root
from testbed.cluster.errors import ClusterError, KubectlError
from testbed.cluster.kubectl import Kubectl
from testbed.cluster.localnode import (
    components,
    configuration,
    credentials,
    image_archive,
    leftovers,
    machine,
    network,
    processes,
    programs,
)
from testbed.cluster.localnode.components import Component, Files, Programs
from testbed.cluster.localnode.layout import NODE_NAME, Layout
from testbed.cluster.provider import ClusterStatus
from testbed.cluster.provider import Component as Reported
from testbed.progress import CONSOLE, step

NODE_SECONDS = 60
IMAGE_SECONDS = 30.0
IMAGE_NAMESPACE = "k8s.io"


class LocalNode:
    """A cluster of one node, made of processes of this machine."""

    name = "localnode"

    def __init__(self) -> None:
        self._layout = Layout.of_user()

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self._layout.kubeconfig

    def prepare(self) -> None:
        """See Provider."""
        machine.require()
        for build in (programs.kubernetes, programs.containerd, programs.coredns, programs.pause):
            build()

    def up(self) -> Path:
        """See Provider."""
        found = machine.require()
        built = Programs(programs.kubernetes(), programs.containerd(), programs.coredns(), found["etcd"])
        pause = programs.pause()
        with _turn():
            status = self.status()
            if status.running:
                CONSOLE.print("The local node runs already.")
                return self.kubeconfig
            if self.exists():
                with step("Removing what is left of an earlier local node"):
                    self._remove()
            with step(f"Starting a local node with Kubernetes {pins.KUBERNETES}"):
                self._start(built, found["runc"], pause)
        return self.kubeconfig

    def down(self) -> None:
        """See Provider."""
        with _turn():
            if not self.exists():
                CONSOLE.print("No local node is here.")
                return
            with step("Taking the local node down"):
                self._remove()

    def exists(self) -> bool:
        """Tell whether anything of a local node is here, be it that it runs or that it broke."""
        return self._layout.root.exists()

    def status(self) -> ClusterStatus:
        """See Provider."""
        records = processes.recorded(self._layout.processes)
        reported = [_report(record) for record in records]
        if records and not self.kubeconfig.exists():
            reported.append(Reported("start", healthy=False, detail="was interrupted, or goes on"))
        return ClusterStatus(bool(records) and all(part.healthy for part in reported), tuple(reported))

    def load_image(self, archive: Path, reference: str) -> None:
        """See Provider."""
        if not self.status().running:
            raise ClusterError("the local node does not run: python -m testbed cluster up")
        self._import(programs.containerd(), archive, reference)

    def kubectl(self) -> Kubectl:
        """See Provider."""
        return Kubectl(programs.kubernetes() / "kubectl", self.kubeconfig)

    def _start(self, built: Programs, runc: Path, pause: Path) -> None:
        layout = self._layout
        network.refuse_foreign_kubernetes()
        layout.root.mkdir(parents=True, mode=0o700)
        machine.Before.look().write(layout.machine)
        network.create()
        network.refuse_taken_ports()
        issued = credentials.issue_all(layout)
        files = self._configure(issued, runc)
        self._run([components.container_runtime(layout, built, files)], built)
        for component in components.control_plane(layout, built, issued):
            self._run([component], built)
        self._load_pause(built.containerd, pause)
        kubectl = Kubectl(built.kubernetes / "kubectl", issued.administrator_kubeconfig)
        kubectl.apply(configuration.dns_permissions())
        self._run(components.node(layout, built, files, issued), built)
        _await_node(kubectl)
        shutil.copy(issued.administrator_kubeconfig, layout.kubeconfig)

    def _configure(self, issued: credentials.Credentials, runc: Path) -> Files:
        layout = self._layout
        snapshotter = machine.snapshotter(layout.root)
        folder = layout.configuration
        files = Files(folder / "containerd.toml", folder / "kubelet.json", folder / "proxy.json", folder / "Corefile")
        files.containerd.write_text(configuration.containerd(layout, runc=runc, snapshotter=snapshotter))
        files.kubelet.write_text(json.dumps(configuration.kubelet(layout, issued)))
        masquerade_all = not network.bridged_packets_visible()
        files.proxy.write_text(json.dumps(configuration.proxy(issued, masquerade_all=masquerade_all)))
        files.dns.write_text(configuration.dns(issued))
        layout.cni.mkdir()
        (layout.cni / "attune.conflist").write_text(json.dumps(configuration.pod_network(layout)))
        return files

    def _run(self, wanted: Sequence[Component], built: Programs) -> None:
        """Start components together and wait until each is ready."""
        layout = self._layout
        environment = {
            # containerd looks for its shim here.
            "PATH": os.pathsep.join([str(built.containerd), machine.search_path()]),
            "HOME": str(layout.root),
        }
        started = [
            processes.start(
                component.name,
                component.command,
                log=layout.log(component.name),
                records=layout.processes,
                environment=environment,
            )
            for component in wanted
        ]
        for component, process in zip(wanted, started, strict=True):
            _await_ready(component, process, layout.log(component.name))

    def _load_pause(self, containerd: Path, pause: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            archive = Path(scratch) / "pause.tar"
            image_archive.write(archive, pins.PAUSE_IMAGE, {"/pause": pause}, ["/pause"])
            self._import(containerd, archive, pins.PAUSE_IMAGE)

    def _import(self, containerd: Path, archive: Path, reference: str) -> None:
        ctr = [
            str(containerd / "ctr"),
            f"--address={self._layout.containerd_socket}",
            f"--namespace={IMAGE_NAMESPACE}",
            "images",
        ]
        done = subprocess.run([*ctr, "import", str(archive)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterError(f"loading {archive} into the local node: {done.stderr.strip()}")
        listed = subprocess.run([*ctr, "list", "--quiet"], capture_output=True, text=True, check=True)
        if normalized(reference) not in listed.stdout.split():
            raise ClusterError(f"{archive} has no image {reference}, only: {done.stdout.strip()}")

    def _remove(self) -> None:
        layout = self._layout
        records = processes.recorded(layout.processes)
        # The kubelet would start the containers again, and containerd their shims.
        processes.kill(record for record in records if record.name in {"kubelet", "containerd"})
        if (before := machine.Before.read(layout.machine)) is not None:
            leftovers.kill_containers()
        processes.kill([*leftovers.shims(layout.containerd_socket), *records])
        leftovers.unmount_below(layout.root)
        if before is not None:
            leftovers.remove_pod_cgroups()
            network.remove()
            leftovers.clear_system_folders(layout.pod_logs, map(Path, before.absent))
            before.restore_settings()
        leftovers.remove_folder(layout.root)


def normalized(reference: str) -> str:
    """Return an image reference in full, as containerd keeps it: attune/worker:1 is docker.io/attune/worker:1."""
    first, _, rest = reference.partition("/")
    if not rest:
        full = f"docker.io/library/{reference}"
    elif "." in first or ":" in first or first == "localhost":
        full = reference
    else:
        full = f"docker.io/{reference}"
    return full if ":" in full.rpartition("/")[2] else f"{full}:latest"


def _await_ready(component: Component, process: processes.ProcessRecord, log: Path) -> None:
    deadline = time.monotonic() + component.deadline
    while (reason := component.ready()) is not None:
        if not process.is_alive():
            raise ClusterError(f"{component.name} ended. The end of {log}:\n{processes.log_tail(log)}")
        if time.monotonic() >= deadline:
            raise ClusterError(
                f"{component.name} is not ready after {component.deadline:.0f} s: {reason}\n"
                f"The end of {log}:\n{processes.log_tail(log)}"
            )
        time.sleep(0.1)


def _await_node(kubectl: Kubectl) -> None:
    """Wait until pods can be made: the node is ready, and the namespace has the account that they run as."""
    waits = (
        ("node", NODE_NAME, "--for=create"),
        ("node", NODE_NAME, "--for=condition=Ready"),
        ("serviceaccount", "default", "--for=create"),
    )
    try:
        for kind, name, condition in waits:
            kubectl.run("wait", f"{kind}/{name}", condition, f"--timeout={NODE_SECONDS}s")
    except KubectlError as error:
        raise ClusterError(f"the node does not become ready: {error}") from error


def _report(record: processes.ProcessRecord) -> Reported:
    if not record.is_alive():
        return Reported(record.name, healthy=False, detail=f"process {record.pid} has ended")
    megabytes = psutil.Process(record.pid).memory_info().rss / 1e6
    return Reported(record.name, healthy=True, detail=f"process {record.pid}, {megabytes:.0f} MB")


@contextmanager
def _turn() -> Generator[None]:
    """Let one command at a time change the node."""
    cache_root().mkdir(parents=True, exist_ok=True)
    with (cache_root() / ".localnode.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield
