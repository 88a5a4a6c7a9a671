"""What the processes that run actions, and those that actions start, get of the worker's environment."""

import os
from typing import Final

_SETTINGS: Final = "ATTUNE__"


def for_actions() -> dict[str, str]:
    """This process's variables without the worker's own settings, which hold credentials."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
