"""Taskiq with aio-pika: results in PostgreSQL, and without any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.peers.peer import PROGRAMS

_SENT = (
    "messages persistent, each confirmed by RabbitMQ; at least once, acknowledged after it ran; no limit over workers"
)


@dataclass(frozen=True)
class TaskiqPeer:
    """With results or without."""

    key: str
    title: str
    keeps_results: bool
    against: str = "a"
    system: str = "Taskiq"
    program: str = "taskiq"

    @property
    def note(self) -> str:
        """Guarantees and what counts."""
        return f"{_SENT}; {'a row for each result' if self.keeps_results else 'no results: tasks count themselves'}"

    @property
    def done_query(self) -> str | None:
        """Its results, where there are any."""
        return "SELECT count(*) FROM taskiq_results" if self.keeps_results else None

    @property
    def workers(self) -> Sequence[Sequence[str]]:
        """Its own command line: two processes under one master."""
        options = ["--workers", "2", "--max-async-tasks", "100", "--max-prefetch", "100", "--log-level", "WARNING"]
        return [["taskiq", "worker", f"{PROGRAMS}.{self.program}:broker", *options]]

    @property
    def variables(self) -> Mapping[str, str]:
        """Whether results are kept."""
        return {"BENCH_RESULTS": "yes" if self.keeps_results else "no"}


KEEPING = TaskiqPeer("taskiq", "aio-pika, results in PostgreSQL", keeps_results=True)
FORGETTING = TaskiqPeer("taskiq-bare", "aio-pika, no results", keeps_results=False)
