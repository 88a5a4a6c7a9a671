"""Pictures by a Chromium without a window."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

_SECONDS = 60
_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
_SIZE = re.compile(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"')


class ChromiumError(RuntimeError):
    """There is no Chromium, or it made no picture."""


def png_of(svg: Path) -> Path:
    """Draw an SVG into a PNG beside it, and return that.

    Raises:
        ChromiumError: it could not be.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise ChromiumError("no chromium on the PATH: install Debian's package of that name")
    found = _SIZE.search(svg.read_text(encoding="utf-8"))
    if found is None:
        raise ChromiumError(f"{svg} has no size")
    width, height = (round(float(number)) for number in found.groups())
    png = svg.with_suffix(".png")
    with tempfile.TemporaryDirectory(prefix="attune-picture-") as profile:
        # A page of its own, since an SVG by itself is drawn at the size of the window, margins included.
        page = Path(profile) / "page.html"
        page.write_text(f'<body style="margin:0">{svg.read_text(encoding="utf-8")}</body>', encoding="utf-8")
        done = subprocess.run(
            [
                program,
                *_QUIET,
                f"--user-data-dir={profile}/profile",
                f"--window-size={width},{height}",
                f"--screenshot={png}",
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    if done.returncode != 0 or not png.exists():
        raise ChromiumError(f"chromium ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return png
