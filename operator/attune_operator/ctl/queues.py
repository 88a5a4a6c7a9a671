"""How the queues are, from the policies' statuses: rows in the runbook's words, and what its thresholds call for."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from attune_executor.domain.policy import Admission
from attune_executor.domain.thresholds import ADD_WORKERS, AGE_NOTES, LENGTH_NOTES, RAISE_CONCURRENCY, Severity
from attune_operator.ctl.output import Grid
from attune_operator.resources import ActionQueuePolicy, ConditionStatus, ConditionType, ObjectKey

_STYLES: Final[Mapping[Severity, str]] = {Severity.WARNING: "yellow", Severity.CRITICAL: "bold red"}
_NOTHING: Final = "-"


@dataclass(frozen=True, slots=True)
class Queue:
    """One policy's queue; the runbook's columns, and where they come from. Figures are None until the operator knows.

    Attributes:
        oldest_age_seconds: how long the head of the queue has waited.
        completion_pct: of 100 accepted executions, how many have ended.
        ready: the policy's Ready condition: True, False or Unknown.
        severity: the highest of the notes'.
        notes: what the runbook calls for, and what else one should know.
    """

    namespace: str
    policy: str
    action: str
    queue_length: int | None
    active_count: int | None
    max_concurrent: int | None
    max_queue_length: int | None
    oldest_enqueued_at: datetime | None
    oldest_age_seconds: int | None
    estimated_wait_seconds: int | None
    total_enqueued: int | None
    total_completed: int | None
    total_rejected: int | None
    completion_pct: float | None
    last_updated: datetime | None
    admission: str
    workers_ready: int | None
    workers_desired: int | None
    ready: str
    severity: Severity
    notes: tuple[str, ...]

    @property
    def key(self) -> ObjectKey:
        """The policy's namespace and name."""
        return ObjectKey(self.namespace, self.policy)

    def document(self) -> dict[str, Any]:
        """The queue for scripts, times in ISO 8601."""
        fields = asdict(self)
        times = {name: value.isoformat() for name, value in fields.items() if isinstance(value, datetime)}
        return {**fields, **times, "severity": self.severity.name.lower(), "notes": list(self.notes)}


def queue_of(policy: ActionQueuePolicy, now: datetime) -> Queue:
    """The queue of a policy, as its status says."""
    status = policy.status
    oldest = status.oldest_enqueued_at if status else None
    age = max(0, int((now - oldest).total_seconds())) if oldest else None
    notes = _notes(policy, age)
    enqueued = status.total_enqueued if status else None
    completed = status.total_completed if status else None
    workers = status.workers if status else None
    return Queue(
        namespace=policy.metadata.namespace,
        policy=policy.metadata.name,
        action=policy.spec.action_ref,
        queue_length=status.queue_length if status else None,
        active_count=status.active_count if status else None,
        max_concurrent=status.max_concurrent if status else None,
        max_queue_length=status.max_queue_length if status else None,
        oldest_enqueued_at=oldest,
        oldest_age_seconds=age,
        estimated_wait_seconds=status.estimated_wait_seconds if status else None,
        total_enqueued=enqueued,
        total_completed=completed,
        total_rejected=status.total_rejected if status else None,
        completion_pct=round(completed / enqueued * 100, 2) if enqueued and completed is not None else None,
        last_updated=status.last_updated if status else None,
        admission=policy.spec.admission.value,
        workers_ready=workers.ready if workers else None,
        workers_desired=workers.desired if workers else None,
        ready=condition(policy, ConditionType.READY).value,
        severity=max((severity for severity, _ in notes), default=Severity.FINE),
        notes=tuple(note for _, note in notes),
    )


def longest_first(queues: Sequence[Queue]) -> list[Queue]:
    """In the runbook's order: the longest queue first."""
    return sorted(queues, key=lambda queue: (-(queue.queue_length or 0), queue.namespace, queue.policy))


def condition(policy: ActionQueuePolicy, kind: ConditionType) -> ConditionStatus:
    """Whether a condition holds; Unknown where it is not reported."""
    conditions = policy.status.conditions if policy.status else ()
    return next((each.status for each in conditions if each.type == kind), ConditionStatus.UNKNOWN)


def queue_grid(queues: Sequence[Queue], *, wide: bool) -> Grid:
    """The queues for people."""
    heads = ["POLICY", "ACTION", "QUEUED", "RUNNING", "LIMIT", "OLDEST", "DONE", "WORKERS", "READY", "NOTE"]
    more = ["NAMESPACE", "MAX QUEUE", "WAIT", "ENQUEUED", "COMPLETED", "REJECTED", "ADMISSION", "UPDATED"]
    rows = [_cells(queue, wide=wide) for queue in queues]
    styles = {number: _STYLES[queue.severity] for number, queue in enumerate(queues) if queue.severity in _STYLES}
    return Grid([more[0], *heads[:-1], *more[1:], heads[-1]] if wide else heads, rows, styles)


def duration(seconds: float | None) -> str:
    """Seconds as people say them: 45s, 3m20s, 2h5m, 3d4h."""
    if seconds is None:
        return _NOTHING
    whole = int(seconds)
    for unit, part, length in (("d", "h", 86_400), ("h", "m", 3600), ("m", "s", 60)):
        if whole >= length:
            rest = whole % length // {"h": 3600, "m": 60, "s": 1}[part]
            return f"{whole // length}{unit}{rest}{part}" if rest else f"{whole // length}{unit}"
    return f"{whole}s"


def shown(value: object) -> str:
    """A cell."""
    return _NOTHING if value is None else str(value)


def _cells(queue: Queue, *, wide: bool) -> list[str]:
    done = None if queue.completion_pct is None else f"{queue.completion_pct:.1f}%"
    workers = None if queue.workers_ready is None else f"{queue.workers_ready}/{shown(queue.workers_desired)}"
    figures = (queue.queue_length, queue.active_count, queue.max_concurrent)
    plain = [queue.policy, queue.action, *map(shown, figures), duration(queue.oldest_age_seconds)]
    plain += [shown(done), shown(workers), queue.ready]
    note = ", ".join(queue.notes)
    if not wide:
        return [*plain, note]
    totals = (queue.total_enqueued, queue.total_completed, queue.total_rejected)
    updated = None if queue.last_updated is None else queue.last_updated.isoformat(timespec="seconds")
    limits = [shown(queue.max_queue_length), duration(queue.estimated_wait_seconds)]
    return [queue.namespace, *plain, *limits, *map(shown, totals), queue.admission, shown(updated), note]


def _notes(policy: ActionQueuePolicy, age: int | None) -> list[tuple[Severity, str]]:
    ready = condition(policy, ConditionType.READY)
    notes: list[tuple[Severity, str]] = []
    if ready is ConditionStatus.FALSE:
        notes.append((Severity.WARNING, "not in force"))
    if ready is ConditionStatus.UNKNOWN:
        notes.append((Severity.CRITICAL, "figures may be old"))
    if condition(policy, ConditionType.STUCK) is ConditionStatus.TRUE:
        notes.append((Severity.CRITICAL, "stuck"))
    status = policy.status
    at_limit = status is not None and (status.active_count or 0) >= (status.max_concurrent or 1)
    for value, thresholds in ((status.queue_length if status else None, LENGTH_NOTES), (age, AGE_NOTES)):
        above = (found for found in thresholds if value is not None and value > found[0])
        for _, severity, note in list(above)[:1]:
            notes.append((severity, RAISE_CONCURRENCY if at_limit and note == ADD_WORKERS else note))
    if policy.spec.admission is Admission.HOLD:
        notes.append((Severity.FINE, "paused"))
    if policy.spec.admission is Admission.CLOSED:
        notes.append((Severity.FINE, "closed"))
    return notes
