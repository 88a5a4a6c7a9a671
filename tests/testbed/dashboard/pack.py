"""Makes `testbed.dashboard.actions` known to the workers that are to run them, as an installer would."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_TESTS: Final = Path(__file__).resolve().parents[2]


def install(folder: Path) -> Mapping[str, str]:
    """Write the package's metadata into `folder`; returns the variables of a worker that is to have it."""
    information = folder / "attune_pictured-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: attune-pictured\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[attune.actions]\npictured = testbed.dashboard.actions\n")
    path = [str(folder), str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(path)}
