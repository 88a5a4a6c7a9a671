"""From recorded evidence to findings: each fault its own, and what follows from it under it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from attune_operator.ctl.doctor.evidence import Container, UnknownAction, Unread
from attune_operator.ctl.doctor.executor_health import ExecutorHealth, LockHolder
from attune_operator.ctl.doctor.finding import Severity, Thresholds
from unit.operator.ctl.doctor.conftest import HOME, NOW, OPERATOR, WORKERS, Clinic, failing, health, pod, workload

LONG = {"queueLength": 250, "activeCount": 10, "oldestEnqueuedAt": NOW - timedelta(minutes=5), "totalRejected": 0}


def test_a_system_that_is_well_has_no_finding(clinic: Clinic) -> None:
    assert clinic.findings() == []


def test_without_the_kind_and_without_a_policy(clinic: Clinic) -> None:
    assert clinic.finding(policies=None, workers={}).id == "crd-missing"
    assert clinic.finding(policies=(), workers={}).id == "no-policy"


def test_a_dead_operator_explains_the_lease_the_silence_and_the_old_figures(clinic: Clinic) -> None:
    lease = clinic.evidence.lease
    assert lease is not None
    old = lease.held_by("gone", 10, NOW - timedelta(hours=1))
    stale = clinic.policy(conditions={"Ready": ("Unknown", "ExecutorUnavailable")})
    found = clinic.finding(
        operator=workload(OPERATOR), lease=old, executor=None, unreached="no operator leads", policies=(stale,)
    )
    assert (found.id, len(found.consequences)) == ("operator-scaled-to-zero", 3)
    alone = clinic.finding(lease=old, executor=None, unreached="no operator leads", policies=(stale,))
    assert (alone.id, len(alone.consequences)) == ("no-leader", 2)


def test_a_replica_that_crashes_beside_the_leader_explains_no_queue(clinic: Clinic) -> None:
    crashed = Container("operator", ready=False, waiting="CrashLoopBackOff", exit_code=1)
    operator = workload(OPERATOR, pod("one"), pod("two", ready_since=None, containers=(crashed,)))
    found = clinic.findings(operator=operator, policies=(clinic.policy(status=LONG),))
    assert [(each.id, each.severity.name) for each in found] == [
        ("operator-crashing", "WARNING"),
        ("queue-growing", "WARNING"),
    ]


@pytest.mark.parametrize(
    ("broken", "expected", "follows"),
    [
        (("database",), "database-away", 0),
        (("broker", "completion_listener", "dispatcher"), "broker-away", 1),
        (("completion_listener",), "listener-stalled", 0),
        (("dispatcher",), "dispatches-unconfirmed", 0),
        (("statistics",), "statistics-stale", 0),
    ],
)
def test_a_part_of_the_executor_that_fails(
    clinic: Clinic, broken: tuple[str, ...], expected: str, follows: int
) -> None:
    found = clinic.finding(executor=health(components=failing(*broken)))
    assert (found.id, len(found.consequences)) == (expected, follows)
    assert "refused" in " ".join(found.evidence)


def test_a_queue_of_reports_without_a_consumer_and_one_with_a_backlog(clinic: Clinic) -> None:
    deaf = [{"name": "execution.completed", "messages": 7, "consumers": 0}]
    assert clinic.finding(executor=health(queues=deaf)).id == "listener-stalled"
    behind = [{"name": "execution.completed", "messages": 70_000, "consumers": 1}]
    assert clinic.finding(executor=health(queues=behind)).id == "completions-backing-up"


def test_reports_that_wait_for_a_commit_name_whom_it_waits_for(clinic: Clinic) -> None:
    holder = LockHolder(pid=4711, user="ops", application="psql", state="idle in transaction", seconds=300)
    late = health(reports={"messages": 3, "oldest_seconds": 42}, pools=[])
    found = clinic.finding(executor=late.model_copy(update={"lock_holders": (holder,)}))
    assert (found.id, found.severity, len(found.consequences)) == ("completions-backing-up", Severity.CRITICAL, 1)
    assert found.what == "completions back up: 3 messages of workers wait, the oldest for 42s"
    assert any(
        "session 4711" in line and "psql, user ops, idle in transaction, for 5m" in line for line in found.evidence
    )
    assert "pg_terminate_backend(4711)" in found.remedies[0].command
    assert "lock" in found.cause


def test_reports_that_wait_for_slow_commits(clinic: Clinic) -> None:
    failed = [{"name": "database", "ok": True, "since": NOW, "last_error": "statement timeout"}]
    waiting = {"messages": 3, "oldest_seconds": 42}
    found = clinic.finding(executor=health(reports=waiting, components=failed))
    assert (found.id, found.evidence[-1]) == (
        "completions-backing-up",
        "the database last failed at: statement timeout",
    )
    assert "slow" in found.cause
    assert clinic.findings(executor=health(reports={**waiting, "oldest_seconds": 4})) == []


def test_a_database_that_is_locked_rather_than_away(clinic: Clinic) -> None:
    locked = health(components=failing("database")).model_copy(update={"lock_holders": (LockHolder(pid=4711),)})
    found = clinic.finding(executor=locked)
    assert (found.id, found.cause.startswith("a session of the database holds")) == ("database-away", True)
    assert "4711" in found.remedies[0].command


def test_turns_that_stand_still_and_executions_that_were_overtaken(clinic: Clinic) -> None:
    assert clinic.finding(executor=health(last_turn_age_seconds=31)).id == "executor-hung"
    found = clinic.finding(executor=health().model_copy(update={"fifo_violations": 2}))
    assert (found.id, found.severity, found.remedies[0].command) == (
        "fifo-violation",
        Severity.CRITICAL,
        "attune incident",
    )


def together(*executors: Mapping[str, Any], **changes: Any) -> ExecutorHealth:
    """Executors that share four shards."""
    shared = {"shard_count": 4, "executors": executors, **changes}
    return ExecutorHealth.model_validate({**health().model_dump(), **shared})


def test_executors_that_share_the_shards(clinic: Clinic) -> None:
    one, two = {"name": "one", "shards": [0, 2]}, {"name": "two", "url": "http://two", "shards": [1, 3]}
    silent = {**two, "answers": False, "problem": "it does not answer"}
    found = clinic.finding(executor=together(one, silent))
    assert (found.id, found.evidence) == ("executor-silent", ("http://two: it does not answer",))
    assert found.what == "the executor two does not answer the others: it has shards 1, 3"
    found = clinic.finding(executor=together(one, two, unserved_shards=[3]))
    assert (found.id, found.what) == ("shards-unserved", "nobody serves shard 3 of 4")
    assert clinic.findings(executor=together(one, two)) == []


def test_workers_that_do_not_answer(clinic: Clinic) -> None:
    found = clinic.finding(executor=health(pools=[]))
    assert (found.id, found.evidence[1]) == ("workers-hung", "pool workers: the executor knows no worker")
    worker = {"name": "workers-1-17", "slots": 10, "held": 3, "unanswered_roll_calls": 3}
    pool = {"name": "workers", "slots": 10, "idle_slots": 0, "workers": [worker]}
    assert clinic.finding(executor=health(pools=[pool])).id == "workers-hung"
    other = clinic.finding(executor=health(pools=[{**pool, "name": "other"}]))
    assert other.cause == "they serve another pool: --pool has to be the Deployment's name"
    just_ready = workload(WORKERS, pod(ready_since=NOW - timedelta(seconds=3)))
    assert clinic.findings(executor=health(pools=[]), workers={WORKERS: just_ready}) == []


def test_dead_workers_explain_their_queue_and_no_other(clinic: Clinic) -> None:
    long = clinic.policy(status=LONG)
    other = clinic.policy("other", actionRef="core.other", workers=None, status=LONG)
    missing = {WORKERS: workload(WORKERS, exists=False)}
    standing = {"waits_for": "worker", "queue_length": 250}
    first, second = clinic.findings(policies=(long, other), workers=missing, executor=health(standing))
    assert (first.id, first.consequences) == (
        "workers-deployment-missing",
        ("the queue of core.echo is growing: 250 wait, the oldest for 5m",),
    )
    assert (second.id, second.policies) == ("queue-growing", frozenset({f"{HOME}/other"}))


def test_a_pool_that_nobody_serves(clinic: Clinic) -> None:
    alone = clinic.policy(workers=None)
    standing = {"waits_for": "worker", "queue_length": 2, "pool": "default"}
    assert clinic.finding(policies=(alone,), workers={}, executor=health(standing)).id == "no-worker"


def test_workers_at_zero_are_a_fault_only_where_something_waits(clinic: Clinic) -> None:
    none = {WORKERS: workload(WORKERS)}
    assert clinic.findings(workers=none) == []
    waiting = clinic.policy(
        status={"activeCount": 1}, workers={"deployment": "workers", "maxReplicas": 3, "mode": "Off"}
    )
    found = clinic.finding(workers=none, policies=(waiting,), executor=health({"waits_for": "worker"}))
    assert (found.id, found.evidence[1]) == ("workers-scaled-to-zero", "mode of its policies: Off")


@pytest.mark.parametrize(
    ("standing", "idle", "conditions", "spec", "expected"),
    [
        ({"waits_for": "rate_limit"}, 0, {}, {"rateLimit": {"maxExecutions": 1, "windowSeconds": 60}}, "rate-limited"),
        ({"waits_for": "concurrency"}, 3, {}, {}, "concurrency-too-low"),
        ({"waits_for": "concurrency"}, 0, {}, {}, "queue-growing"),
        ({"waits_for": "slot"}, 0, {"ScalingLimited": ("True", "MaxReplicas")}, {}, "max-replicas"),
        (
            {"waits_for": "slot"},
            0,
            {},
            {"workers": {"deployment": "workers", "maxReplicas": 3, "mode": "Off"}},
            "workers-held-back",
        ),
        ({"waits_for": "slot"}, 0, {}, {}, "queue-growing"),
        ({"waits_for": "slot"}, 0, {"Saturated": ("True", "QueueFull")}, {}, "queue-full"),
    ],
)
def test_a_long_queue_by_its_cause(
    clinic: Clinic, standing: dict[str, Any], idle: int, conditions: dict[str, Any], spec: dict[str, Any], expected: str
) -> None:
    policy = clinic.policy(status=LONG, conditions=conditions, **spec)
    worker = {"name": "workers-1", "slots": 10, "held": 10 - idle}
    pool = {"name": "workers", "slots": 10, "idle_slots": idle, "workers": [worker]}
    found = clinic.finding(policies=(policy,), executor=health(standing, pools=[pool]))
    assert found.id == expected
    assert found.remedies
    assert clinic.findings(policies=(clinic.policy(status={**LONG, "queueLength": 100}),)) == []


def test_without_the_executor_the_status_has_to_do(clinic: Clinic) -> None:
    saturated = clinic.policy(status=LONG, conditions={"Saturated": ("True", "ConcurrencyLimit")})
    assert clinic.finding(policies=(saturated,), executor=None).id == "concurrency-too-low"


def test_a_queue_that_does_not_move(clinic: Clinic) -> None:
    still = {"activeCount": 2, "queueLength": 1, "lastUpdated": NOW - timedelta(minutes=11)}
    stuck = {"Stuck": ("True", "NotProgressing")}
    assert clinic.finding(policies=(clinic.policy(status=still, conditions=stuck),)).id == "executions-hung"
    idle = {**still, "activeCount": 0}
    assert clinic.finding(policies=(clinic.policy(status=idle, conditions=stuck),)).id == "queue-stuck"
    # The operator, which knows how long an execution may take, has not judged so.
    assert clinic.findings(policies=(clinic.policy(status=still),)) == []
    assert clinic.finding(Thresholds(stuck_seconds=60), policies=(clinic.policy(status=still),)).id == "executions-hung"


def test_policies_that_are_not_enforced_closed_disabled_or_paused(clinic: Clinic) -> None:
    conflict = clinic.policy(conditions={"Ready": ("False", "Conflict")})
    assert clinic.finding(policies=(conflict,)).id == "policy-not-in-force"
    assert clinic.finding(policies=(clinic.policy(admission="Closed"),)).id == "action-closed"
    disabled = clinic.finding(executor=health({"closed_by": "disabled"}))
    assert (disabled.id, "ref = 'core.echo'" in disabled.remedies[0].command) == ("action-disabled", True)
    (paused,) = clinic.findings(policies=(clinic.policy(admission="Hold"),))
    assert (paused.id, paused.severity) == ("paused", Severity.NOTICE)
    limited = clinic.policy(conditions={"ScalingLimited": ("True", "ScaledByAnother")})
    assert clinic.finding(policies=(limited,)).id == "another-autoscaler"


def test_an_action_that_no_worker_has(clinic: Clinic) -> None:
    failed = {"core.echo": UnknownAction(7, "workers-1", "no action 'core.echo' on this worker")}
    assert clinic.finding(unknown_actions=failed).id == "action-without-code"


def test_what_could_not_be_looked_at_is_a_notice(clinic: Clinic) -> None:
    unread = Unread("get leases.coordination.k8s.io in namespace attune-system", "403")
    evidence = replace(clinic.evidence, lease=None, lease_read=False, operator=None, unread=(unread,))
    (found,) = Clinic(evidence, clinic.make_policy).findings()
    assert (found.id, found.severity, found.what) == (
        "missing-right",
        Severity.NOTICE,
        "not looked at: get leases.coordination.k8s.io in namespace attune-system",
    )
