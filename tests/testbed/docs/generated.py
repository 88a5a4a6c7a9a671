"""The pages of reference that are made of code, for whoever writes or compares them."""

from pathlib import Path

from testbed.docs import command_line, configuration, http_api


def files() -> dict[Path, str]:
    """Their paths, and what belongs in them."""
    return {each.REFERENCE: each.reference() for each in (command_line, configuration, http_api)}
