"""promtool, from Debian's package `prometheus` where this machine has none."""

import shutil
import subprocess
from pathlib import Path

from testbed import debian


class PromtoolError(RuntimeError):
    """promtool cannot be had here, or found something; the message says what."""


def promtool(*arguments: str, folder: Path) -> str:
    """Run promtool in `folder` and return what it says.

    Raises:
        PackageError: the package should be installable, and was not.
        PromtoolError: it failed.
    """
    ensure()
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode != 0:
        raise PromtoolError(f"promtool {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def ensure() -> None:
    """Install it unless it is here.

    Raises:
        PackageError: the package could not be installed.
    """
    if shutil.which("promtool") is None:
        debian.ensure_packages(["prometheus"])


def available() -> bool:
    """Whether promtool is here or can be installed."""
    return shutil.which("promtool") is not None or debian.can_install()
