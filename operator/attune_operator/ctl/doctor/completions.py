"""Reports of workers that wait: at the broker, or in the executor for a commit that does not come."""

from collections.abc import Iterator
from typing import Final

from attune_operator.ctl.doctor.evidence import Evidence
from attune_operator.ctl.doctor.executor_health import ExecutorHealth, LockHolder, Shard
from attune_operator.ctl.doctor.finding import Finding, Remedy, Severity
from attune_operator.ctl.queues import duration

_BACKLOG: Final = 1000
"""Messages at the broker beyond those that are delivered: a second's worth under full load."""
_LATE_SECONDS: Final = 10.0
"""A report waits for the turn under way and its own: milliseconds, and some seconds after an outage."""
_LOCKED: Final = (
    "another session of the database holds a lock on what turns write, and no commit gets past it: mostly SQL by hand"
    " in a transaction that nobody ended. What workers report is safe, and their slots stay taken"
)
_SLOW: Final = (
    "workers report faster than turns are committed, mostly because the database is slow. What they report is safe, and"
    " their slots stay taken"
)


def completions_are_taken(evidence: Evidence) -> Iterator[Finding]:
    """What workers report is committed soon, and does not pile up at the broker."""
    health = evidence.executor
    if health is None:
        return
    for shard in health.shards:
        at_broker = sum(queue.messages for queue in (shard.queues or ())[:2] if queue.consumers)
        late = (shard.reports.oldest_seconds or 0) > _LATE_SECONDS
        if late or at_broker > _BACKLOG:
            locked = lock_lines(health)
            yield Finding(
                "completions-backing-up",
                Severity.CRITICAL if late else Severity.WARNING,
                f"completions back up: {at_broker + shard.reports.messages} messages of workers wait"
                + (f", the oldest for {duration(shard.reports.oldest_seconds)}" if late else ""),
                (*_lines(shard), *locked),
                _LOCKED if locked else _SLOW,
                (
                    *lock_remedies(health),
                    Remedy("attune top", "whether they grow fewer: after an outage they do"),
                    Remedy("attune throughput", "what completes, by action"),
                ),
            )


def lock_lines(health: ExecutorHealth) -> tuple[str, ...]:
    """Who holds what the executor waits for."""
    return tuple(
        f"session {holder.pid} of the database holds what a commit waits for: {_session(holder)}"
        for holder in health.lock_holders
    )


def lock_remedies(health: ExecutorHealth) -> tuple[Remedy, ...]:
    """How to be rid of them."""
    return tuple(
        Remedy(
            f'psql -U attune -d attune -c "SELECT pg_terminate_backend({holder.pid})"',
            "end that session: what it has not committed is undone, and the queues go on by themselves",
        )
        for holder in health.lock_holders
    )


def _session(holder: LockHolder) -> str:
    since = None if holder.seconds is None else f"for {duration(holder.seconds)}"
    user = None if holder.user is None else f"user {holder.user}"
    return ", ".join(part for part in (holder.application, user, holder.state, since) if part) or "nothing is known"


def _lines(shard: Shard) -> Iterator[str]:
    queues = [queue for queue in (shard.queues or ())[:2] if queue.messages]
    yield from (f"queue {queue.name}: {queue.messages} messages, {queue.consumers} consumers" for queue in queues)
    if shard.reports.messages:
        yield f"delivered and not committed: {shard.reports.messages} messages"
    yield f"shard {shard.shard}: {shard.detail}, last turn {duration(shard.last_turn_age_seconds)} ago"
    part = next((part for part in shard.components if part.name == "database"), None)
    if part is not None and part.last_error is not None:
        yield f"the database last failed at: {part.last_error}"
