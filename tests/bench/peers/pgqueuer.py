"""PgQueuer: with a limit over 100 entrypoints as row (a) has queues, with a limit on one as row (b), and without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.peers.peer import PROGRAMS

_PROCESSES = 2


@dataclass(frozen=True)
class PgQueuerPeer:
    """So many entrypoints with a limit each; 0 is none.

    Its batch size is the fastest of 5, 10, 50, 100, 500 and 1,000 for that set-up: completions are written when so many
    have gathered, so more than its share of the limit makes a worker wait.
    """

    key: str
    title: str
    entrypoints: int
    limit: int
    batch_size: int
    against: str
    system: str = "PgQueuer"
    program: str = "pgqueuer"
    done_query: str | None = "SELECT count(*) FROM pgqueuer_log WHERE status = 'successful'"

    @property
    def note(self) -> str:
        """Guarantees and what counts."""
        limited = "limit kept in SQL over all workers" if self.limit else "no limit"
        return (
            "jobs durable in PostgreSQL, enqueued 1,000 at a time, 2 workers; at least once;"
            f" batch size {self.batch_size}; {limited}; counts the successes in its log"
        )

    @property
    def workers(self) -> Sequence[Sequence[str]]:
        """Two processes of its own runner."""
        return [["python", "-m", PROGRAMS, self.program, "work"]] * _PROCESSES

    @property
    def variables(self) -> Mapping[str, str]:
        """How many entrypoints, and their limit."""
        return {
            "BENCH_ENTRYPOINTS": str(self.entrypoints),
            "BENCH_LIMIT": str(self.limit),
            "BENCH_BATCH_SIZE": str(self.batch_size),
        }


MANY_LIMITED = PgQueuerPeer("pgqueuer-100", "100 entrypoints × concurrency_limit 10", 100, 10, 500, "a")
ONE_LIMITED = PgQueuerPeer("pgqueuer-limit", "1 entrypoint × concurrency_limit 10", 1, 10, 5, "b")
UNLIMITED = PgQueuerPeer("pgqueuer", "1 entrypoint, no limit", 1, 0, 500, "a")
