"""Builds the site as `make docs` does."""

import os
import subprocess
import sys
from pathlib import Path

from testbed.services.program import REPOSITORY


class BuildError(RuntimeError):
    """A page, a link or the navigation is wrong; the message says which."""


def build_site(folder: Path) -> None:
    """Build the site into a folder, strictly.

    Raises:
        BuildError: MkDocs has something to complain of.
    """
    mkdocs = Path(sys.executable).with_name("mkdocs")
    done = subprocess.run(
        [mkdocs, "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=REPOSITORY,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BuildError(done.stderr)
