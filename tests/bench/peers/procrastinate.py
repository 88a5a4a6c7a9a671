"""Procrastinate: one task, jobs in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.peers.peer import PROGRAMS

_PROCESSES = 2
_CONCURRENCY = "10"


@dataclass(frozen=True)
class ProcrastinatePeer:
    """Two workers that run ten jobs at a time each."""

    key: str = "procrastinate"
    against: str = "a"
    system: str = "Procrastinate"
    title: str = "1 task, 2 workers × concurrency 10"
    note: str = (
        "jobs durable in PostgreSQL, deferred 1,000 at a time; a crashed worker's jobs stay doing until retried by"
        " hand; no limit per queue above 1; counts succeeded jobs"
    )
    program: str = "procrastinate"
    done_query: str | None = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'"
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def workers(self) -> Sequence[Sequence[str]]:
        """Its own command line."""
        return [
            ["procrastinate", f"--app={PROGRAMS}.{self.program}.app", "worker", "--concurrency", _CONCURRENCY]
        ] * _PROCESSES


PROCRASTINATE = ProcrastinatePeer()
