"""When the interpreter looks for garbage that counting references does not find."""

import gc
from typing import Final

_THRESHOLDS: Final = (20_000, 20, 50)
"""New objects between two collections of the youngest, and how many of those to one of the next older ones. The
interpreter's default is 700, 10, 10."""


def collect_rarely() -> None:
    """To be called once, when everything is imported: no later collection looks at what is there by then.

    A program that takes and gives messages makes objects by the thousand that are gone before any collection, while
    each collection holds up everything; with the default, 8 % of a busy worker's time went there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
