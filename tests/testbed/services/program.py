"""A server program that can be started, killed and frozen, wherever it runs.

The failure tests speak to this interface alone, so that they are the same for a process of this machine and
for a container.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

REPOSITORY = Path(__file__).resolve().parents[3]
SCRIPTS = REPOSITORY / "manifests/overlays/development/services/image"


@dataclass(frozen=True)
class Description:
    """What to run, apart from where.

    `script` is one of the development image's start scripts; `environment` is what its head documents without address
    and directory, which depend on where it runs; `ports` are all that clients dial.
    """

    name: str
    script: str
    system_user: str
    stop_signal: int
    environment: Mapping[str, str]
    ports: tuple[int, ...]


class Program(Protocol):
    """One server, started at most once at a time; its data outlive a stop and end with `discard`."""

    def start(self) -> None:
        """Start it in the background; return at once."""
        ...

    def is_running(self) -> bool:
        """Tell whether its main process is alive."""
        ...

    def stop(self) -> None:
        """Ask it to stop in order and wait until it has."""
        ...

    def kill(self) -> None:
        """End it and its children with SIGKILL, as a crash would."""
        ...

    def pause(self) -> None:
        """Freeze it with its children: connections stay open and nothing answers."""
        ...

    def resume(self) -> None:
        """Let it go on after `pause`."""
        ...

    def log_tail(self) -> str:
        """Return the last lines of its log."""
        ...

    def discard(self) -> None:
        """Kill it if it runs, and remove its data."""
        ...
