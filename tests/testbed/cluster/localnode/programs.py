"""The Go programs of the local node, built once into the user's cache.

Kubernetes' components and kubectl are one program that acts by the name it is called by: compiling and linking it once
takes half the time of building them one by one. containerd's programs are installed from their own module, with the
dependencies that its authors tested.
"""

from pathlib import Path

from testbed import golang, pins
from testbed.cache import Build, digest, folder_digest

SOURCES = Path(__file__).parent / "sources"
COMPONENTS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)
CONTAINERD_PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr")

PLAIN_FLAGS = ("-ldflags=-s -w",)
CONTAINERD_FLAGS = ("-tags=no_btrfs no_devmapper no_zfs", *PLAIN_FLAGS)
_MINOR = pins.KUBERNETES.split(".")[1]
KUBERNETES_FLAGS = (
    "-tags=grpcnotrace,notest",
    # Without its version the API server reports one that kubectl cannot parse.
    "-ldflags=-s -w "
    + " ".join(
        f"-X {package}.gitVersion={pins.KUBERNETES} -X {package}.gitMajor=1 -X {package}.gitMinor={_MINOR}"
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    ),
)


def kubernetes_build() -> Build:
    """Return the build that has COMPONENTS."""
    inputs = folder_digest(SOURCES / "kubernetes", flags=KUBERNETES_FLAGS)
    return Build("kubernetes", pins.KUBERNETES, inputs)


def kubernetes() -> Path:
    """Return the folder that has COMPONENTS, built when they are not there yet."""

    def make(folder: Path) -> None:
        title = f"Building Kubernetes {pins.KUBERNETES} (once, about 10 minutes on 2 cores)"
        golang.build(title, SOURCES / "kubernetes", folder / "kubernetes", KUBERNETES_FLAGS)
        for name in COMPONENTS:
            (folder / name).symlink_to("kubernetes")

    return kubernetes_build().ensure(make)


def containerd() -> Path:
    """Return the folder that has CONTAINERD_PROGRAMS, built when they are not there yet."""
    module = "github.com/containerd/containerd/v2"
    packages = [f"{module}/cmd/{name}@{pins.CONTAINERD}" for name in CONTAINERD_PROGRAMS]

    def make(folder: Path) -> None:
        title = f"Building containerd {pins.CONTAINERD} (once, about 2 minutes on 2 cores)"
        golang.install(title, packages, folder, CONTAINERD_FLAGS)

    inputs = digest(text.encode() for text in (*CONTAINERD_FLAGS, *packages))
    return Build("containerd", pins.CONTAINERD, inputs).ensure(make)


def coredns() -> Path:
    """Return the CoreDNS program, built when it is not there yet."""

    def make(folder: Path) -> None:
        title = f"Building CoreDNS {pins.COREDNS} (once, about 2 minutes on 2 cores)"
        golang.build(title, SOURCES / "coredns", folder / "coredns", PLAIN_FLAGS)

    inputs = folder_digest(SOURCES / "coredns", flags=PLAIN_FLAGS)
    return Build("coredns", pins.COREDNS, inputs).ensure(make) / "coredns"


def pause() -> Path:
    """Return the program of the sandboxes' first process, built when it is not there yet."""

    def make(folder: Path) -> None:
        golang.build("Building the pause program (once)", SOURCES / "pause", folder / "pause", PLAIN_FLAGS)

    version = pins.PAUSE_IMAGE.rpartition(":")[2]
    return Build("pause", version, folder_digest(SOURCES / "pause", flags=PLAIN_FLAGS)).ensure(make) / "pause"
