"""What is stuck, and the command that mends it: queues by the policies' statuses, executions by the executor. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from attune_operator.ctl.output import Grid
from attune_operator.ctl.queues import duration, shown
from attune_operator.resources import ActionQueuePolicy
from attune_operator.status.progress import stuck

SILENT_SECONDS: Final = 20.0
"""A worker is asked every 5 s, and counts as lost after three questions without an answer."""


@dataclass(frozen=True, slots=True)
class StuckQueue:
    """A queue that has work and does not move.

    Attributes:
        stale_seconds: since anything in it last changed.
        oldest_age_seconds: how long its head has waited; None where nothing waits.
        mend: the command that mends it, or shows why it stands still.
    """

    namespace: str
    policy: str
    action: str
    queue_length: int
    active_count: int
    stale_seconds: int
    oldest_age_seconds: int | None
    message: str
    mend: str

    def document(self) -> dict[str, Any]:
        """The queue for scripts."""
        return asdict(self)


def stuck_queues(
    policies: Sequence[ActionQueuePolicy], patience_seconds: float, operator_namespace: str, now: datetime
) -> list[StuckQueue]:
    """The queues that have not moved for longer, by the rule of the condition Stuck; the stalest first."""
    found = [_stuck_queue(policy, patience_seconds, operator_namespace, now) for policy in policies]
    return sorted(filter(None, found), key=lambda queue: -queue.stale_seconds)


def mend(execution: Mapping[str, Any], policy: ActionQueuePolicy | None, now: datetime) -> str:
    """The command that mends a stuck execution as the executor shows it, by the runbook's order: the mildest first."""
    heartbeat = _moment(execution["last_heartbeat"])
    namespace = "" if policy is None else f" -n {policy.metadata.namespace}"
    worker = execution["worker"]
    if execution["cancelling"]:
        return "wait: its worker was told to stop it, and has 30 s"
    if worker is not None and (heartbeat is None or (now - heartbeat).total_seconds() > SILENT_SECONDS):
        return f"kubectl{namespace} delete pod {worker}"
    if worker is None:
        # It waits in the broker, and goes on once there is a worker.
        workers = policy.spec.workers if policy is not None else None
        if workers is None:
            return f"start workers of pool {execution['pool']}"
        return f"kubectl{namespace} get deployment {workers.deployment}"
    return f"attune complete --force {execution['id']}"


def queues_grid(queues: Sequence[StuckQueue], *, wide: bool) -> Grid:
    """Stuck queues for people."""
    heads = ["POLICY", "ACTION", "QUEUED", "RUNNING", "STALE", "OLDEST", "MEND"]
    rows = [
        [
            queue.policy,
            queue.action,
            str(queue.queue_length),
            str(queue.active_count),
            duration(queue.stale_seconds),
            duration(queue.oldest_age_seconds),
            queue.mend,
        ]
        for queue in queues
    ]
    if not wide:
        return Grid(heads, rows, {})
    return Grid(
        ["NAMESPACE", *heads, "WHY"],
        [[queue.namespace, *row, queue.message] for queue, row in zip(queues, rows, strict=True)],
        {},
    )


def executions_grid(executions: Sequence[Mapping[str, Any]], now: datetime, *, wide: bool) -> Grid:
    """Stuck executions for people, each with its `mend`."""
    heads = ["ID", "ACTION", "STATUS", "SILENT", "WORKER", "HEARTBEAT", "TIMES OUT", "MEND"]
    more = ["ATTEMPT", "POOL", "HELD", "SINCE"]
    rows = [_cells(each, now, wide=wide) for each in executions]
    return Grid([*heads[:-1], *more, heads[-1]] if wide else heads, rows, {})


def _stuck_queue(
    policy: ActionQueuePolicy, patience_seconds: float, operator_namespace: str, now: datetime
) -> StuckQueue | None:
    status = policy.status
    if status is None or status.queue_length is None or status.active_count is None or status.last_updated is None:
        return None
    still = (now - status.last_updated).total_seconds()
    verdict = stuck(policy.spec, status.queue_length, status.active_count, still, patience_seconds)
    if verdict.status != "True":
        return None
    oldest = status.oldest_enqueued_at
    return StuckQueue(
        policy.metadata.namespace,
        policy.metadata.name,
        policy.spec.action_ref,
        status.queue_length,
        status.active_count,
        int(still),
        None if oldest is None else int((now - oldest).total_seconds()),
        verdict.message,
        _mend_queue(policy, operator_namespace),
    )


def _mend_queue(policy: ActionQueuePolicy, operator_namespace: str) -> str:
    status, workers = policy.status, policy.spec.workers
    if status is not None and status.active_count:
        return f"attune stuck {policy.metadata.name}: see its executions"
    if workers is not None and status is not None and status.workers is not None and not status.workers.ready:
        return f"kubectl -n {policy.metadata.namespace} describe deployment {workers.deployment}"
    return f"kubectl -n {operator_namespace} rollout restart deployment/attune-operator"


def _cells(execution: Mapping[str, Any], now: datetime, *, wide: bool) -> list[str]:
    since, heartbeat, ends = (_moment(execution[name]) for name in ("since", "last_heartbeat", "times_out_at"))
    plain = [
        str(execution["id"]),
        execution["action_ref"],
        execution["status"],
        duration(None if since is None else (now - since).total_seconds()),
        shown(execution["worker"]),
        duration(None if heartbeat is None else max(0.0, (now - heartbeat).total_seconds())),
        "-" if ends is None else f"in {duration(max(0.0, (ends - now).total_seconds()))}",
    ]
    if wide:
        held = "yes" if execution["held"] else "no"
        plain += [str(execution["attempt"]), execution["pool"], held, shown(execution["since"])]
    return [*plain, execution["mend"]]


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
