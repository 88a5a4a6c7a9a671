"""The kind program: whether it can run here, where it is, and how it loads images."""

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

from testbed import golang, pins
from testbed.cache import Build, digest
from testbed.cluster.errors import ClusterError

MODULE = "sigs.k8s.io/kind"
FLAGS = ("-ldflags=-s -w",)
EMPTY_IMAGE = "attune.example/empty:probe"
NO_PROGRAM = "/there-is-no-program"
COMMAND_NOT_FOUND = 127
"""docker run's exit code when a container was made but lacks the program that it was to start."""
DOCKER_SECONDS = 30


def obstacle() -> str | None:
    """Return why kind cannot run on this machine; None when nothing speaks against it.

    What Docker's daemon says of itself does not tell whether it may make privileged containers, as kind's nodes are:
    one is made from an empty image, and has to fail only for want of a program in it.
    """
    if shutil.which("docker") is None:
        return "there is no docker program"
    try:
        info = _docker("info", "--format={{json .ServerErrors}}")
        errors = json.loads(info.stdout) if info.returncode == 0 else [_last_line(info.stderr)]
        if errors:
            return f"Docker's daemon cannot be reached: {errors[0]}"
        return _privileged_obstacle()
    except subprocess.TimeoutExpired as error:
        return f"Docker's daemon did not answer within {error.timeout:.0f} s"


def find() -> Path:
    """Return the kind of the PATH, or build the pinned one into the cache.

    Raises:
        golang.GoError: neither is possible.
    """
    if found := shutil.which("kind"):
        return Path(found)
    package = f"{MODULE}@{pins.KIND}"

    def make(folder: Path) -> None:
        golang.install(f"Building kind {pins.KIND} (once)", [package], folder, FLAGS)

    inputs = digest(text.encode() for text in (*FLAGS, package))
    return Build("kind", pins.KIND, inputs).ensure(make) / "kind"


def run(*arguments: str, stdin: str | None = None, timeout: float = 300) -> str:
    """Run kind and return what it printed.

    Raises:
        ClusterError: it failed; the message is its standard error.
    """
    done = subprocess.run(
        [find(), *arguments],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode != 0:
        raise ClusterError(f"kind {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def load_image(archive: Path, *, cluster: str) -> None:
    """Load an image archive into every node of a kind cluster."""
    run("load", "image-archive", str(archive), f"--name={cluster}")


def _privileged_obstacle() -> str | None:
    empty = io.BytesIO()
    with tarfile.open(fileobj=empty, mode="w"):
        pass
    imported = subprocess.run(
        ["docker", "import", "-", EMPTY_IMAGE],
        input=empty.getvalue(),
        capture_output=True,
        timeout=DOCKER_SECONDS,
        check=False,
    )
    if imported.returncode != 0:
        return f"Docker imports no image: {_last_line(imported.stderr.decode())}"
    try:
        trial = _docker("run", "--rm", "--privileged", "--network=none", EMPTY_IMAGE, NO_PROGRAM)
    finally:
        _docker("rmi", EMPTY_IMAGE)
    if trial.returncode == COMMAND_NOT_FOUND and NO_PROGRAM in trial.stderr:
        return None
    return f"Docker runs no privileged containers: {_last_line(trial.stderr)}"


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=DOCKER_SECONDS, check=False)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and "docker run --help" not in line]
    return lines[-1] if lines else ""
