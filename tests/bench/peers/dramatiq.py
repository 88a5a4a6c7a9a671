"""Dramatiq on RabbitMQ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.peers.peer import PROGRAMS


@dataclass(frozen=True)
class DramatiqPeer:
    """Two processes with the default eight threads each."""

    key: str = "dramatiq"
    against: str = "a"
    system: str = "Dramatiq"
    title: str = "RabbitMQ, no results"
    note: str = (
        "messages persistent, not confirmed by default; at least once, acknowledged after it ran; no limit over"
        " workers without Redis; no results in PostgreSQL: tasks count themselves"
    )
    program: str = "dramatiq"
    done_query: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def workers(self) -> Sequence[Sequence[str]]:
        """Its own command line."""
        return [["dramatiq", f"{PROGRAMS}.{self.program}", "--processes", "2", "--threads", "8"]]


DRAMATIQ = DramatiqPeer()
