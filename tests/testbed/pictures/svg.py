"""An SVG as a PNG, for places that show no SVG."""

import re
from pathlib import Path

from testbed.chromium import chromium

_SIZE = re.compile(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"')


class PictureError(RuntimeError):
    """There is nothing to draw."""


def png_of(svg: Path) -> Path:
    """Draw an SVG into a PNG beside it, and return that.

    Raises:
        PictureError: the file has no size.
    """
    drawn = svg.read_text(encoding="utf-8")
    found = _SIZE.search(drawn)
    if found is None:
        raise PictureError(f"{svg} has no size")
    png = svg.with_suffix(".png")
    width, height = (round(float(number)) for number in found.groups())
    with chromium() as browser:
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_content(f'<body style="margin:0">{drawn}</body>')
        page.screenshot(path=png)
    return png
