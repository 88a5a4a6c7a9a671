"""The parts of the executor: turns, database, broker, CompletionListener, dispatcher, statistics, order."""

from collections.abc import Iterator, Sequence
from typing import Final

from attune_operator.ctl.doctor.completions import lock_lines, lock_remedies
from attune_operator.ctl.doctor.conditions import message
from attune_operator.ctl.doctor.evidence import Evidence
from attune_operator.ctl.doctor.executor_health import Component, ExecutorHealth, Shard
from attune_operator.ctl.doctor.finding import Finding, Remedy, Severity
from attune_operator.ctl.queues import condition
from attune_operator.resources import ConditionStatus, ConditionType

_TURN_SECONDS: Final = 30.0
"""An idle turn comes every two seconds."""
_DATABASE_AWAY: Final = "PostgreSQL is down, cannot be reached, or refuses."


def turns_go_on(evidence: Evidence) -> Iterator[Finding]:
    """The turn loop comes round."""
    health = evidence.executor
    if health is None:
        return
    for shard in health.shards:
        if shard.last_turn_age_seconds > _TURN_SECONDS:
            yield Finding(
                "executor-hung",
                Severity.CRITICAL,
                f"the executor hangs: the last turn of shard {shard.shard} is {shard.last_turn_age_seconds:.0f} s old",
                (f"shard {shard.shard}: {shard.detail}, last turn {shard.last_turn_age_seconds:.0f} s ago",),
                "something blocks its loop, or a commit never returns; the liveness probe restarts it in the end",
                (
                    Remedy("attune incident", "keep what is known before the restart"),
                    _restart(evidence),
                ),
            )


def database_answers(evidence: Evidence) -> Iterator[Finding]:
    """PostgreSQL is there."""
    health = evidence.executor
    part = _broken(health, "database")
    detail = next((shard.detail for shard in _shards(evidence) if not shard.serving), None)
    if health is None or part is None:
        return
    locked = lock_lines(health)
    yield Finding(
        "database-away",
        Severity.CRITICAL,
        "the executor does not get at its database",
        (_line("database", part), *([f"executor: {detail}"] if detail else []), *locked),
        ("a session of the database holds what the executor needs." if locked else _DATABASE_AWAY)
        + " New executions are answered 503, what is accepted is safe, and the queues go on by themselves afterwards",
        (
            *lock_remedies(health),
            Remedy(f"kubectl -n {evidence.operator_namespace} get secret attune-connections", "that the URL is there"),
            Remedy("kubectl get pods,services,endpoints -A | grep -i postgres", "whether it runs in this cluster"),
        ),
    )


def broker_answers(evidence: Evidence) -> Iterator[Finding]:
    """RabbitMQ is there."""
    part = _broken(evidence.executor, "broker")
    if part is not None:
        yield Finding(
            "broker-away",
            Severity.CRITICAL,
            "the executor does not get at its broker",
            (_line("broker", part),),
            "RabbitMQ is down or cannot be reached. Nothing is dispatched and no completion comes; what is accepted is"
            " safe, and the queues go on by themselves when it is back",
            (
                Remedy("kubectl get pods,services,endpoints -A | grep -i rabbit", "whether it runs in this cluster"),
                Remedy(
                    f"kubectl -n {evidence.operator_namespace} get secret attune-connections", "that the URL is there"
                ),
            ),
        )


def listener_listens(evidence: Evidence) -> Iterator[Finding]:
    """The CompletionListener consumes what workers report."""
    broker, part = _broken(evidence.executor, "broker"), _broken(evidence.executor, "completion_listener")
    if broker is not None:
        return
    deaf = [queue for shard in _shards(evidence) for queue in (shard.queues or ())[:2] if queue.consumers == 0]
    if part is None and not deaf:
        return
    evidence_lines = [] if part is None else [_line("CompletionListener", part)]
    evidence_lines += [f"queue {queue.name}: {queue.messages} messages, no consumer" for queue in deaf]
    yield Finding(
        "listener-stalled",
        Severity.CRITICAL,
        "the CompletionListener is stalled: RabbitMQ is there and lets it hear nothing",
        tuple(evidence_lines),
        "the broker refuses what the executor needs to consume, mostly a permission, the password or a queue of other"
        " settings. Completions pile up and slots stay taken",
        (
            Remedy(
                "rabbitmqctl list_permissions && rabbitmqctl set_permissions attune '.*' '.*' '.*'",
                "at the broker: configure, write and read for the user of message_queue.url",
            ),
            _restart(evidence),
        ),
    )


def dispatches_arrive(evidence: Evidence) -> Iterator[Finding]:
    """RabbitMQ confirms what is published."""
    part = _broken(evidence.executor, "dispatcher")
    if part is not None:
        yield Finding(
            "dispatches-unconfirmed",
            Severity.WARNING,
            "RabbitMQ does not confirm what is dispatched",
            (_line("dispatcher", part),),
            "the broker is short of memory or disk, or blocks publishers; what is not confirmed is sent again",
            (Remedy("rabbitmq-diagnostics alarms", "at the broker: whether it blocks publishers"),),
        )


def figures_are_fresh(evidence: Evidence) -> Iterator[Finding]:
    """What is shown is what is."""
    part = _broken(evidence.executor, "statistics")
    old = [
        policy
        for policy in evidence.known_policies
        if policy.status is not None and condition(policy, ConditionType.READY) is ConditionStatus.UNKNOWN
    ]
    if part is None and not old:
        return
    lines = [] if part is None else [_line("statistics", part)]
    lines += [f"policy {policy.metadata.key}: {message(policy, ConditionType.READY)}" for policy in old[:3]]
    yield Finding(
        "statistics-stale",
        Severity.WARNING,
        "figures are old: statistics are not written, or no operator has them",
        tuple(lines),
        "the queues may be well; `attune status`, alerts and scaling work from what was last known",
        (Remedy(f"kubectl -n {evidence.operator_namespace} logs -l attune.io/role=leader --tail=100", "why"),),
    )


def order_is_kept(evidence: Evidence) -> Iterator[Finding]:
    """First in, first out."""
    health = evidence.executor
    if health is not None and health.fifo_violations:
        yield Finding(
            "fifo-violation",
            Severity.CRITICAL,
            f"{health.fifo_violations} executions were overtaken by one behind them: this is a bug",
            (f"the executor's own check of the order found {health.fifo_violations} since it started",),
            "no configuration does that; the runbook asks for the evidence first and a restart then",
            (Remedy("attune incident", "collect what a bug report needs"), _restart(evidence)),
        )


def _broken(health: ExecutorHealth | None, name: str) -> Component | None:
    part = None if health is None else health.component(name)
    return None if part is None or part.ok else part


def _shards(evidence: Evidence) -> Sequence[Shard]:
    return () if evidence.executor is None else evidence.executor.shards


def _line(name: str, part: Component) -> str:
    last = "never" if part.last_success is None else part.last_success.isoformat(timespec="seconds")
    return f"{name}: not since {part.since.isoformat(timespec='seconds')}, last well {last}: {part.last_error}"


def _restart(evidence: Evidence) -> Remedy:
    return Remedy(
        f"kubectl -n {evidence.operator_namespace} rollout restart deployment/attune-operator",
        "restart the executor; the queues are in the database",
    )
