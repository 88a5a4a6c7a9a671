"""Queues with work in which nothing moves."""

from collections.abc import Iterator

from attune_executor.domain.thresholds import STUCK_SECONDS
from attune_operator.ctl.doctor.conditions import holds, message
from attune_operator.ctl.doctor.evidence import Evidence
from attune_operator.ctl.doctor.finding import Finding, Remedy, Severity, Thresholds, keys
from attune_operator.ctl.queues import duration
from attune_operator.resources import ActionQueuePolicy, ConditionStatus, ConditionType
from attune_operator.status.progress import stuck


def queues_move(evidence: Evidence, thresholds: Thresholds) -> Iterator[Finding]:
    """Whatever has work moves."""
    for policy in evidence.known_policies:
        still = _still_seconds(evidence, policy)
        if still is None or not _stuck(policy, still, thresholds):
            continue
        status = policy.status
        running = (status.active_count or 0) if status else 0
        waiting = (status.queue_length or 0) if status else 0
        what = f"{policy.spec.action_ref} has not moved for {duration(still)}: {waiting} wait, {running} run"
        yield Finding(
            "executions-hung" if running else "queue-stuck",
            Severity.CRITICAL,
            what,
            (f"policy {policy.metadata.key}: {message(policy, ConditionType.STUCK)}", what),
            "its executions run on without an end, and its workers answer: the action hangs"
            if running
            else "nothing runs and nothing starts, and no part of the executor says why",
            (
                Remedy("attune stuck", "the executions, their workers and since when they run"),
                Remedy("attune complete --force ID", "end one that is truly stuck; its slot is free at once"),
                Remedy("attune incident", "keep what is known, if nothing else was found"),
            ),
            keys(policy),
        )


def _stuck(policy: ActionQueuePolicy, still: float, thresholds: Thresholds) -> bool:
    """As the operator judges; by its rule, at this moment, where the user has less patience than the runbook."""
    if thresholds.stuck_seconds >= STUCK_SECONDS:
        return holds(policy, ConditionType.STUCK, "NotProgressing")
    status = policy.status
    waiting, running = (status.queue_length or 0, status.active_count or 0) if status else (0, 0)
    return stuck(policy.spec, waiting, running, still, thresholds.stuck_seconds).status is ConditionStatus.TRUE


def _still_seconds(evidence: Evidence, policy: ActionQueuePolicy) -> float | None:
    """For how long nothing has moved; None where there is no work, or no figure."""
    status = policy.status
    if status is None or status.last_updated is None or not (status.queue_length or status.active_count):
        return None
    return (evidence.now - status.last_updated).total_seconds()
