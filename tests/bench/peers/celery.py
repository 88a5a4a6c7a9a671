"""Celery on RabbitMQ: results in PostgreSQL, and without any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.peers.peer import PROGRAMS

_SENT = (
    "messages persistent, not confirmed by default; at most once: acknowledged before it runs by default; no limit over"
    " workers"
)


@dataclass(frozen=True)
class CeleryPeer:
    """With results or without."""

    key: str
    title: str
    keeps_results: bool
    against: str = "a"
    system: str = "Celery"
    program: str = "celery"

    @property
    def note(self) -> str:
        """Guarantees and what counts."""
        return f"{_SENT}; {'a row for each result' if self.keeps_results else 'no results: tasks count themselves'}"

    @property
    def done_query(self) -> str | None:
        """Its results, where there are any."""
        return "SELECT count(*) FROM celery_taskmeta WHERE status = 'SUCCESS'" if self.keeps_results else None

    @property
    def workers(self) -> Sequence[Sequence[str]]:
        """Its own command line: one process for each core, and none of the chatter between workers."""
        options = ["--pool", "prefork", "--concurrency", "2", "--without-gossip", "--without-mingle"]
        return [["celery", f"--app={PROGRAMS}.{self.program}:app", "worker", "--loglevel", "WARNING", *options]]

    @property
    def variables(self) -> Mapping[str, str]:
        """Whether results are kept."""
        return {"BENCH_RESULTS": "yes" if self.keeps_results else "no"}


KEEPING = CeleryPeer("celery", "RabbitMQ, results in PostgreSQL", keeps_results=True)
FORGETTING = CeleryPeer("celery-bare", "RabbitMQ, no results", keeps_results=False)
