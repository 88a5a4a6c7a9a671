"""A Docker daemon to build with: the one that this machine has, else one of the testbed's own for as long as it takes.

The own daemon needs no more than root: no bridge, no firewall rules, nothing outside the cache and one folder in /run.
Images and layers stay in the cache, so that the next build starts where this one ended.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from testbed import debian
from testbed.cache import cache_root
from testbed.progress import step
from testbed.reaper import Reaper

RUNTIME = Path("/run/attune-docker")
PLUGIN_FOLDERS = (Path("/run/docker/plugins"), Path("/run/docker"))
"""What dockerd makes outside its own folders."""
START_SECONDS = 60
STOP_SECONDS = 30
POLL_SECONDS = 0.05
LOG_LINES = 25


class DockerError(RuntimeError):
    """No Docker daemon can be had here, or a docker command failed; the message says which and why."""


@dataclass(frozen=True)
class Docker:
    """A docker program and the daemon it talks to.

    `build_options` are what `docker build` needs with this daemon; one that `is_own` holds nothing but our images.
    """

    program: str = "docker"
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    build_options: Sequence[str] = ()
    is_own: bool = False

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a docker command."""
        return [self.program, *arguments]

    def process_environment(self) -> dict[str, str]:
        """Return the environment to start the docker program in."""
        return {**os.environ, **self.environment}

    def answers(self) -> bool:
        """Tell whether the daemon can be reached."""
        try:
            self.run("version")
        except (DockerError, FileNotFoundError):
            return False
        return True

    def has_image(self, reference: str) -> bool:
        """Tell whether the daemon has this image."""
        return bool(self.run("image", "ls", "--quiet", reference).strip())

    def run(self, *arguments: str, stdin: IO[bytes] | None = None, show: Callable[[str], None] | None = None) -> str:
        """Run a docker command and return what it printed, both streams in one; `show` sees each line at once.

        Args:
            arguments: the command and its arguments.
            stdin: an open file that it reads, at the position to start from.
            show: called with each line when it comes.

        Raises:
            DockerError: it failed; the message carries the end of what it printed.
        """
        lines: list[str] = []
        with subprocess.Popen(
            self.command(*arguments),
            env=self.process_environment(),
            stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout or ():
                lines.append(line)
                if show:
                    show(line.rstrip())
        if process.returncode != 0:
            raise DockerError(f"docker {arguments[0]} failed:\n{''.join(lines[-LOG_LINES:]).rstrip()}")
        return "".join(lines)


@contextmanager
def docker_daemon() -> Generator[Docker]:
    """Yield a Docker daemon; one that was started for this is stopped afterwards.

    Raises:
        DockerError: there is none, and none can be started here.
        PackageError: Debian's docker.io is what is missing, and could not be installed.
    """
    existing = Docker()
    if shutil.which("docker") and existing.answers():
        yield existing
        return
    if not debian.can_install():
        raise DockerError("images are built with Docker: start its daemon, or run as root on Debian")
    debian.ensure_packages(["docker.io"])
    with _own_daemon() as own:
        yield own


@contextmanager
def _own_daemon() -> Generator[Docker]:
    # Debian's client matches its daemon; one that comes first on PATH may be too new for it. The classic builder
    # is the one that a daemon without plugins has, and it reaches package indexes through the host's network alone.
    client = Docker(
        program="/usr/bin/docker",
        environment={"DOCKER_HOST": f"unix://{RUNTIME}/docker.sock", "DOCKER_BUILDKIT": "0"},
        build_options=("--network=host",),
        is_own=True,
    )
    log = cache_root() / "docker.log"
    with _own_turn() as turn:
        reaper = Reaper(held=[turn])
        daemon = _start_daemon(log)
        reaper.remove_process(daemon, grace_seconds=STOP_SECONDS)
        reaper.remove_directory(str(RUNTIME))
        try:
            with step("Starting a Docker daemon"):
                _wait_until_up(client, daemon, log)
            yield client
        finally:
            try:
                if daemon.poll() is None:
                    daemon.terminate()
                    daemon.wait(STOP_SECONDS)
            finally:
                reaper.close()
                _remove_runtime()


@contextmanager
def _own_turn() -> Generator[int]:
    """Yield the open lock file of the one daemon that may run at a time, having waited for another one to end."""
    cache_root().mkdir(parents=True, exist_ok=True)
    with (cache_root() / ".docker.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("Waiting for another build of images to end"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _start_daemon(log: Path) -> psutil.Popen:
    _remove_runtime()
    RUNTIME.mkdir(mode=0o700, parents=True)
    settings = RUNTIME / "daemon.json"
    settings.write_text("{}")  # in place of the machine's own
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        return psutil.Popen(
            [
                "/usr/sbin/dockerd",
                f"--data-root={_data_root()}",
                f"--exec-root={RUNTIME}/exec",
                f"--pidfile={RUNTIME}/docker.pid",
                f"--host=unix://{RUNTIME}/docker.sock",
                f"--config-file={settings}",
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
                "--ip-forward=false",
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_up(client: Docker, daemon: psutil.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not client.answers():
        if daemon.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
            raise DockerError(f"dockerd did not come up:\n{tail}")
        time.sleep(POLL_SECONDS)


def _data_root() -> Path:
    return cache_root() / "docker"


def _remove_runtime() -> None:
    """Remove the daemon's folder in /run, and what a killed one has left mounted there and in its data."""
    mounts = [Path(line.split()[1]) for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in reversed(mounts):
        if mount.is_relative_to(RUNTIME) or mount.is_relative_to(_data_root()):
            subprocess.run(["umount", "--lazy", mount], check=True)
    shutil.rmtree(RUNTIME, ignore_errors=True)
    for folder in PLUGIN_FOLDERS:
        with contextlib.suppress(OSError):  # there is none, or it is in use by another daemon
            folder.rmdir()
