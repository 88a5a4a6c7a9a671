"""Figures as bars of text."""

from collections.abc import Sequence
from typing import Final

_UPWARDS: Final = "▁▂▃▄▅▆▇█"
_ALONG: Final = " ▏▎▍▌▋▊▉█"


def sparkline(course: Sequence[int], width: int) -> str:
    """The last ``width`` values as bars: the highest of them is full, 0 is the lowest."""
    last = course[-width:]
    most = max(last, default=0)
    return "".join(_UPWARDS[-(-value * (len(_UPWARDS) - 1) // most) if most else 0] for value in last).rjust(width)


def bar(value: float, most: float, width: int) -> str:
    """``value`` as a bar along a line, ``width`` characters where it is ``most``; anything above 0 is seen."""
    parts = len(_ALONG) - 1
    eighths = max(round(value / most * width * parts), value > 0) if most > 0 else 0
    return (_ALONG[-1] * (eighths // parts) + _ALONG[eighths % parts]).rstrip()
