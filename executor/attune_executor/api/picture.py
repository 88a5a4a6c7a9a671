"""The queues as those who watch see them: one picture for all, and how it differs from the one before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from attune_executor.api import answers
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.policy import Admission, QueuePolicy
from attune_executor.domain.pool_size import PoolSize
from attune_executor.domain.stats import QueueStats
from attune_executor.domain.thresholds import ADD_WORKERS, AGE_NOTES, LENGTH_NOTES, RAISE_CONCURRENCY, STUCK_SECONDS
from attune_executor.domain.waiting_time import estimated_wait_seconds
from attune_executor.engine.views import EngineHealth

Row = Mapping[str, Any]

THRESHOLDS: Final = {
    "length": [[above, severity.name.lower(), note] for above, severity, note in LENGTH_NOTES],
    "age_seconds": [[above, severity.name.lower(), note] for above, severity, note in AGE_NOTES],
    "at_limit": {ADD_WORKERS: RAISE_CONCURRENCY},
    "stale_seconds": STUCK_SECONDS,
}
"""So that a page which lets time pass marks the queues as everything else does."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything at one moment, as JSON shows it.

    Attributes:
        state: of the executor itself: whether it turns, and what an emergency relaxes and closes.
        queues: by action.
        pools: workers by the name of their pool.
        decisions: the last one about the size of each pool, by the pool's name.
    """

    state: Row = field(default_factory=dict[str, Any])
    queues: Mapping[str, Row] = field(default_factory=dict[str, Row])
    pools: Mapping[str, Row] = field(default_factory=dict[str, Row])
    decisions: Mapping[str, Row] = field(default_factory=dict[str, Row])

    def document(self) -> dict[str, Any]:
        """The whole of it."""
        return {**self.state, "queues": self.queues, "pools": self.pools, "decisions": self.decisions}


def changes(before: Picture, after: Picture) -> dict[str, Any]:
    """What to replace in ``before`` to have ``after``; null for what is gone. Empty where they are the same."""
    parts = {
        "queues": _differing(before.queues, after.queues),
        "pools": _differing(before.pools, after.pools),
        "decisions": _differing(before.decisions, after.decisions),
    }
    news: dict[str, Any] = {name: rows for name, rows in parts.items() if rows}
    if before.state != after.state:
        news.update(after.state)
    return news


def _differing(before: Mapping[str, Row], after: Mapping[str, Row]) -> dict[str, Row | None]:
    found: dict[str, Row | None] = {
        name: row for name, row in after.items() if (known := before.get(name)) is not row and known != row
    }
    found.update(dict.fromkeys(before.keys() - after.keys()))
    return found


def state_row(health: EngineHealth, emergency: Emergency | None, *, scales: bool) -> Row:
    """The executor itself; ``scales`` where somebody decides about the number of workers."""
    closed = None
    if emergency is not None:
        closed = {
            "max_queue_length": emergency.max_queue_length,
            "close_below_priority": emergency.close_below_priority,
            "close_tags": sorted(emergency.close_tags),
        }
    return {
        "serving": health.serving and health.broker_connected,
        "detail": health.detail if health.broker_connected or not health.serving else "message broker away",
        "emergency": closed,
        "scales": scales,
    }


def queue_row(
    stats: QueueStats,
    policy: QueuePolicy | None,
    emergency: Emergency | None,
    pool: PoolSize | None,
    where: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """One queue; ``policy`` is None where none is declared any more, ``where`` its namespace and name in a cluster."""
    row = answers.queue(stats)
    row["policy"] = None if where is None else {"namespace": where[0], "name": where[1]}
    row["average_duration_seconds"] = _rounded(stats.load.average_duration_seconds)
    row["arrivals_per_hour"] = round(stats.load.arrivals_per_hour)
    row["estimated_wait_seconds"] = _rounded(_wait_of_a_new_one(stats, policy, pool))
    row["lines"] = stats.lines
    if policy is None:
        return {**row, "admission": None, "closed_by_emergency": False, "max_queue_length": None, "pool": None}
    closed = emergency is not None and emergency.closes(policy)
    longest = policy.max_queue_length if emergency is None else emergency.relaxed(policy.max_queue_length)
    declared = {"admission": policy.admission.value, "priority": policy.priority, "pool": policy.pool}
    return {**row, **declared, "closed_by_emergency": closed, "max_queue_length": longest}


def pool_row(pool: PoolSize) -> Row:
    """One pool of workers."""
    return {"workers": pool.workers, "draining": pool.draining, "slots": pool.slots, "held": pool.held}


def decisions_by_pool(latest: Sequence[Row], pools: Mapping[str, Any]) -> dict[str, Row]:
    """The last decisions by the name of the pool that they are about.

    A pool is called as its Deployment, and where that is not in the operator's own namespace with the namespace after a
    dot.
    """
    found: dict[str, Row] = {}
    for decision in latest:
        name, namespace = decision["deployment"], decision["namespace"]
        full = f"{name}.{namespace}"
        found[full if full in pools else name] = {key: decision[key] for key in decision if key != "ledger"}
    return found


def slots_of(limit: int, pool: PoolSize | None) -> int:
    """Executions of an action that run at a time: its limit, or what its workers can take where that is less."""
    return limit if pool is None else min(limit, pool.slots)


def _wait_of_a_new_one(stats: QueueStats, policy: QueuePolicy | None, pool: PoolSize | None) -> float | None:
    if policy is None or policy.admission is not Admission.OPEN or stats.lines > 1:
        return None
    slots = slots_of(stats.max_concurrent, pool)
    ahead = stats.queue_length + stats.active_count + 1 - slots
    return estimated_wait_seconds(ahead, slots, stats.load.average_duration_seconds, policy.rate_limit)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
