"""Every row, by its key, in the order in which they run."""

from collections.abc import Mapping

from bench.peers import celery, dramatiq, pgqueuer, procrastinate, taskiq
from bench.peers.peer import Peer
from bench.results import Goal
from bench.rows.backlog import Backlog
from bench.rows.fairness import Fairness
from bench.rows.handoff import Handoff
from bench.rows.peer import PeerRow
from bench.rows.policies import Policies
from bench.rows.row import Row
from bench.rows.throughput import MANY_QUEUES, ONE_QUEUE, VERY_MANY_QUEUES

_PEERS: tuple[Peer, ...] = (
    pgqueuer.ONE_LIMITED,
    pgqueuer.UNLIMITED,
    procrastinate.PROCRASTINATE,
    taskiq.KEEPING,
    taskiq.FORGETTING,
    dramatiq.DRAMATIQ,
    celery.KEEPING,
    celery.FORGETTING,
)
_ROWS: tuple[Row, ...] = (
    MANY_QUEUES,
    ONE_QUEUE,
    Handoff(),
    Backlog(),
    VERY_MANY_QUEUES,
    Fairness(),
    PeerRow(pgqueuer.MANY_LIMITED, Goal(at_least=5)),
    *map(PeerRow, _PEERS),
)
ROWS: Mapping[str, Row] = {row.key: row for row in _ROWS}
"""Those that run unless others are named."""

ON_A_CLUSTER: Mapping[str, Row] = {row.key: row for row in (Policies(),)}
"""Those that need Kubernetes; they run when they are named."""
