"""Makes `chaos.actions` known to the workers of a chaos run, and to no others, as an installer would."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

HISTORY_VARIABLE: Final = "CHAOS_HISTORY"
"""Names the file that the actions append to."""
_TESTS: Final = Path(__file__).resolve().parents[1]


def install(folder: Path, history: Path) -> Mapping[str, str]:
    """Write the package's metadata into `folder`; returns the variables of a worker that is to have it."""
    information = folder / "attune_chaos-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: attune-chaos\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[attune.actions]\nchaos = chaos.actions\n")
    path = [str(folder), str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(path), HISTORY_VARIABLE: str(history)}
