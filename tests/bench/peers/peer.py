"""What the benchmark needs to know of another system."""

from collections.abc import Mapping, Sequence
from typing import Protocol

PROGRAMS = "bench.peers.programs"


class Peer(Protocol):
    """Another system with one no-op task; its program is what a user of it would write."""

    @property
    def key(self) -> str:
        """How its row is called on the command line."""
        ...

    @property
    def system(self) -> str:
        """Its name."""
        ...

    @property
    def title(self) -> str:
        """How it is set up."""
        ...

    @property
    def against(self) -> str:
        """Key of the row of Attune that it is compared with."""
        ...

    @property
    def note(self) -> str:
        """What it guarantees in this set-up, and what is counted as done."""
        ...

    @property
    def program(self) -> str:
        """Module of `bench.peers.programs` that prepares, enqueues and defines the task."""
        ...

    @property
    def workers(self) -> Sequence[Sequence[str]]:
        """Command lines of the worker processes."""
        ...

    @property
    def variables(self) -> Mapping[str, str]:
        """What the program reads beside the URLs."""
        ...

    @property
    def done_query(self) -> str | None:
        """SQL that counts what is done; None where nothing in PostgreSQL tells, and the tasks themselves count."""
        ...
