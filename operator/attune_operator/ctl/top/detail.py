"""One queue in full: what its policy's status says, and the executions at its head."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attune_operator.ctl.queues import Queue, duration, shown
from attune_operator.ctl.top.film import Rates
from attune_operator.ctl.top.rows import rate
from attune_operator.resources import ActionQueuePolicy


def figures(queue: Queue, rates: Rates) -> list[tuple[str, str]]:
    """Names and figures."""
    limit = shown(queue.max_concurrent)
    workers = f"{shown(queue.workers_ready)} ready, {shown(queue.workers_desired)} desired"
    totals = f"{shown(queue.total_enqueued)} accepted, {shown(queue.total_completed)} ended"
    return [
        ("Policy", f"{queue.namespace}/{queue.policy}"),
        ("Admission", queue.admission),
        ("Waiting", f"{shown(queue.queue_length)} of at most {shown(queue.max_queue_length)}"),
        ("Running", f"{shown(queue.active_count)} of at most {limit}"),
        ("Oldest", duration(queue.oldest_age_seconds)),
        ("Expected wait", duration(queue.estimated_wait_seconds)),
        ("Rates", f"{rate(rates.accepted)}/s come, {rate(rates.ended)}/s end"),
        ("Totals", f"{totals}, {shown(queue.total_rejected)} refused"),
        ("Workers", workers if queue.workers_ready is not None else "the policy names no Deployment"),
        ("Notes", ", ".join(queue.notes) or "-"),
    ]


def conditions(policy: ActionQueuePolicy, now: datetime) -> list[tuple[str, ...]]:
    """Rows of type, status, since, reason and message."""
    reported = policy.status.conditions if policy.status else ()
    return [
        (
            str(each.type),
            each.status.value,
            duration(max(0.0, (now - each.last_transition_time).total_seconds())),
            each.reason,
            each.message,
        )
        for each in reported
    ]


def scaling(policy: ActionQueuePolicy) -> str:
    """The last scaling decision in a sentence with its numbers."""
    ledger = policy.status.scaling if policy.status else None
    if ledger is None:
        return "nothing is scaled: the policy names no Deployment, its mode is Off, or nothing was decided yet"
    mean = ledger.average_duration_seconds
    inputs = (
        f"{ledger.peak_per_hour}/h at the peak × {'?' if mean is None else f'{mean:.3g}'} s / 3600 /"
        f" {ledger.slots_per_worker} slots → {ledger.base_workers}, with buffer {ledger.buffered_workers},"
        f" by depth {ledger.depth_workers}, by backlog {ledger.backlog_workers},"
        f" bounds {ledger.min_replicas} to {ledger.max_replicas} → {ledger.desired} workers"
    )
    return f"{ledger.reason}: {ledger.message}\n{inputs}"


def executions(found: Sequence[Mapping[str, Any]], now: datetime) -> list[tuple[str, ...]]:
    """Rows of id, status, age, attempt and worker."""
    return [
        (
            shown(each["id"]),
            shown(each["status"]),
            _since(each.get("created"), now),
            _since(each.get("started_at"), now),
            shown(each.get("attempt")),
            shown(each.get("worker")),
        )
        for each in found
    ]


def _since(moment: str | None, now: datetime) -> str:
    if moment is None:
        return duration(None)
    return duration(max(0.0, (now - datetime.fromisoformat(moment)).total_seconds()))
