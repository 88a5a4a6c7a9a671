"""Builds Go programs: static, the same wherever they are built, with the packages counted as they are compiled."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from testbed import pins
from testbed.progress import Step, step

DOWNLOADS = "https://go.dev/dl"


class GoError(RuntimeError):
    """Go is missing, or a build failed; the message says which and how."""


def build(title: str, source: Path, target: Path, flags: Sequence[str]) -> None:
    """Build the main package in the folder `source` into the file `target`.

    Raises:
        GoError: there is no Go, or the build failed.
    """
    with step(title) as shown:
        stale = subprocess.run(
            [_program(), "list", "-deps", *flags, "-f={{if .Stale}}{{.ImportPath}}{{end}}", "."],
            cwd=source,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        # The count only serves the bar: the build that follows says what is wrong, in its own words.
        total = len(stale.stdout.splitlines()) if stale.returncode == 0 else None
        _run(["build", "-v", *flags, f"-o={target}", "."], source, {}, shown, total)


def install(title: str, packages: Sequence[str], folder: Path, flags: Sequence[str]) -> None:
    """Install main packages of one module, each as PATH@VERSION, into `folder`, with the dependencies of their module.

    Raises:
        GoError: there is no Go, or the build failed.
    """
    with step(title) as shown:
        _run(["install", "-v", *flags, *packages], folder, {"GOBIN": str(folder)}, shown, None)


def _program() -> str:
    found = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if found is None:
        raise GoError(f"Go {pins.GO} or later is needed to build the testbed's programs: {DOWNLOADS}")
    return found


def _run(arguments: Sequence[str], folder: Path, extra: Mapping[str, str], shown: Step, total: int | None) -> None:
    """Run Go in `folder`; with -v it prints each package that it begins to compile, one a line."""
    output: list[str] = []
    with subprocess.Popen(
        [_program(), *arguments],
        cwd=folder,
        env={**_environment(), **extra},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            output.append(line)
            shown.advance(len(output), total, "packages")
    if process.returncode != 0:
        found = subprocess.run([_program(), "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
        raise GoError(f"go {arguments[0]} failed{_since(found.strip())}:\n{''.join(output[-20:])}")


def _since(version: str) -> str:
    """Return why a Go of this version, such as go1.19.8, cannot but fail; empty when its version is not the reason.

    From 1.21 on Go fetches a later one where it may; whether it could is for it to say, so this is asked afterwards.
    """
    numbers = re.match(r"go(\d+)\.(\d+)", version)
    if numbers is None or tuple(map(int, numbers.groups())) >= tuple(map(int, pins.GO.split("."))):
        return ""
    return f", since {version} is older than Go {pins.GO}, which {DOWNLOADS} has"


def _environment() -> dict[str, str]:
    """Return an environment in which the compiler collects no garbage until it holds a fair share of the memory.

    That saves a quarter of the time.
    """
    share = psutil.virtual_memory().total // (2 * (os.cpu_count() or 1))
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-trimpath -buildvcs=false",
        "GOWORK": "off",
        "GOGC": "off",
        "GOMEMLIMIT": str(share),
    }
