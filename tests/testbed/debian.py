"""Debian packages that the testbed needs, installed when this process may and they are missing.

Only programs are wanted from a package, never the service that it would start: invoke-rc.d is told to start
nothing while apt-get runs, and on a machine with systemd the new units are disabled afterwards, so that a
reboot starts nothing either. Several testbed processes may ask at once; they take turns.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from testbed.progress import step

POLICY = Path("/usr/sbin/policy-rc.d")
SET_ASIDE = POLICY.with_name("policy-rc.d.set-aside-by-attune")
DENY_ALL = "#!/bin/sh\n# Written by Attune's testbed while it installs packages: start no services.\nexit 101\n"
DENIED = 101
TURN = Path("/run/lock/attune-packages.lock")


class PackageError(RuntimeError):
    """Packages are missing and could not be installed; the message says which and why."""


def can_install() -> bool:
    """Tell whether this process may install Debian packages: root, and apt-get is there."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def missing(packages: Sequence[str]) -> list[str]:
    """Return those of `packages` that dpkg does not list as installed, in the order given."""
    return [name for name in packages if not _is_installed(name)]


def ensure_packages(packages: Sequence[str]) -> None:
    """Install what is missing of `packages` without recommended ones, saying so; does nothing when all are there.

    Raises:
        PackageError: not root, not Debian, or apt-get failed (the end of its output is in the message).
    """
    wanted = missing(packages) if shutil.which("dpkg-query") else list(packages)
    if not wanted:
        return
    if not can_install():
        raise PackageError(f"missing packages: {' '.join(wanted)}. Install them, or run as root on Debian.")
    with TURN.open("w") as turn, step(f"Installing {' '.join(wanted)} from Debian's packages"):
        fcntl.flock(turn, fcntl.LOCK_EX)
        wanted = missing(wanted)
        if wanted:
            with services_held_back(wanted):
                _install(wanted)


def _is_installed(name: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", name]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout == "installed"


def _install(packages: Sequence[str]) -> None:
    install = ["install", "--yes", "--no-install-recommends", *packages]
    if _apt_get(install).returncode == 0:
        return
    # Until it has been finished, an installation that was interrupted fails every later one.
    subprocess.run(["dpkg", "--configure", "--pending"], capture_output=True, check=False, env=_environment())
    # Lists that are absent or too old name packages that the mirror no longer has.
    update = _apt_get(["update"])
    outcome = _apt_get(install)
    if outcome.returncode != 0:
        tail = "\n".join((update.stderr + outcome.stdout + outcome.stderr).splitlines()[-15:])
        raise PackageError(f"apt-get could not install {' '.join(packages)}:\n{tail}")


def _apt_get(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = ["apt-get", "--quiet", "--option", "DPkg::Lock::Timeout=600", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())


def _environment() -> dict[str, str]:
    return {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}


@contextmanager
def services_held_back(packages: Sequence[str]) -> Generator[None]:
    """Keep maintainer scripts from starting services now, and systemd from starting them at the next boot."""
    _restore_policy()  # an installation that was killed could not
    denies_already = POLICY.exists() and policy_verdict() == DENIED
    if not denies_already:
        if POLICY.exists():
            POLICY.rename(SET_ASIDE)
        POLICY.write_text(DENY_ALL)
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if not denies_already:
            POLICY.unlink()
            _restore_policy()
        if Path("/run/systemd/system").is_dir():
            units = [unit for name in packages for unit in _units_of(name)]
            if units:
                subprocess.run(["systemctl", "disable", *units], capture_output=True, check=False)


def _restore_policy() -> None:
    if SET_ASIDE.exists():
        SET_ASIDE.replace(POLICY)
    elif POLICY.exists() and POLICY.read_text() == DENY_ALL:
        POLICY.unlink()


def policy_verdict() -> int:
    """Return what the policy in force answers to the question whether a service may be started; `DENIED` is no."""
    return subprocess.run([POLICY, "attune-testbed", "start"], capture_output=True, check=False).returncode


def _units_of(package: str) -> list[str]:
    """Return the names of the plain service and socket units that a package brings; templates are not startable."""
    files = subprocess.run(["dpkg-query", "--listfiles", package], capture_output=True, text=True, check=True)
    paths = [Path(line) for line in files.stdout.splitlines()]
    return [
        path.name
        for path in paths
        if path.parent.name == "system" and path.suffix in {".service", ".socket"} and not path.stem.endswith("@")
    ]
