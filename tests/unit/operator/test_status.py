"""The status tells what is, keeps transition times, and stays equal when nothing changed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from attune_executor.domain.stats import Load, QueueStats
from attune_operator.resources import ActionQueuePolicy, ConditionStatus, WorkerDeployment
from attune_operator.scaling import Decision, Reason
from attune_operator.status import PolicyObservation, build_status, status_patch

MakePolicy = Callable[..., ActionQueuePolicy]
NOW = datetime(2027, 1, 15, 8, 0, 0, 123456, tzinfo=UTC)
SECONDS = NOW.timestamp()
WORKERS: dict[str, Any] = {"deployment": "attune-worker", "maxReplicas": 5}


def deployment(replicas: int, ready: int) -> WorkerDeployment:
    return WorkerDeployment.model_validate(
        {
            "metadata": {
                "name": "attune-worker",
                "namespace": "attune-system",
                "uid": "uid-of-attune-worker",
                "generation": 1,
                "resourceVersion": "1",
                "creationTimestamp": "2026-12-01T00:00:00Z",
            },
            "spec": {"replicas": replicas},
            "status": {"readyReplicas": ready},
        }
    )


def queue(**changes: Any) -> QueueStats:
    empty = QueueStats(
        action_id=1,
        action_ref="core.echo",
        queue_length=0,
        active_count=0,
        max_concurrent=10,
        oldest_enqueued_at=None,
        total_enqueued=50,
        total_completed=50,
        total_rejected=2,
        last_updated=SECONDS - 5,
        load=Load(600.0, 2.0),
    )
    return replace(empty, **changes)


def decision(**changes: Any) -> Decision:
    settled = Decision(
        desired=2,
        apply=True,
        reason=Reason.PEAK_LOAD,
        message="the measured peak needs 1 workers, with the buffer 2",
        limited_by_maximum=False,
        limited_by_concurrency=frozenset(),
        ledger=None,
    )
    return replace(settled, **changes)


def observation(policy: ActionQueuePolicy, **changes: Any) -> PolicyObservation:
    workers = policy.spec.workers is not None
    usual = PolicyObservation(
        policy=policy,
        ruled_by=None,
        in_force=True,
        max_queue_length=10_000,
        closed_by_emergency=False,
        executor=None,
        stats=queue(),
        deployment=deployment(2, 2) if workers else None,
        decision=decision() if workers else None,
    )
    return replace(usual, **changes)


def verdict(observed: PolicyObservation, kind: str) -> tuple[str, str]:
    status = build_status(observed, NOW)
    return next((c.status.value, c.reason) for c in status.conditions if c.type == kind)


@pytest.mark.parametrize(
    ("changes", "kind", "expected"),
    [
        ({}, "Ready", ("True", "InForce")),
        ({"in_force": False}, "Ready", ("False", "Pending")),
        ({"ruled_by": "older"}, "Ready", ("False", "Conflict")),
        ({"executor": "database away"}, "Ready", ("Unknown", "ExecutorUnavailable")),
        ({"ruled_by": "older"}, "Stalled", ("True", "Conflict")),
        ({}, "Saturated", ("False", "WithinLimits")),
        ({"stats": queue(active_count=10)}, "Saturated", ("False", "WithinLimits")),
        ({"stats": queue(active_count=10, queue_length=1)}, "Saturated", ("True", "ConcurrencyLimit")),
        ({"stats": queue(queue_length=10_000)}, "Saturated", ("True", "QueueFull")),
        ({"stats": queue(queue_length=10_000), "max_queue_length": 50_000}, "Saturated", ("False", "WithinLimits")),
        ({"stats": None}, "Saturated", ("Unknown", "StatisticsUnknown")),
        ({}, "ScalingLimited", ("False", "WithinLimits")),
        ({"decision": decision(limited_by_maximum=True)}, "ScalingLimited", ("True", "MaxReplicas")),
        ({"decision": decision(limited_by_concurrency={"echo"})}, "ScalingLimited", ("True", "ConcurrencyLimit")),
        ({"decision": decision(limited_by_concurrency={"other"})}, "ScalingLimited", ("False", "WithinLimits")),
        ({"decision": decision(reason=Reason.OFF)}, "ScalingLimited", ("False", "NotScaled")),
        ({"decision": None}, "ScalingLimited", ("Unknown", "DeploymentNotFound")),
        ({"executor": "database away"}, "ScalingLimited", ("Unknown", "ExecutorUnavailable")),
        ({}, "WorkersAvailable", ("True", "WorkersReady")),
        ({"deployment": deployment(2, 0)}, "WorkersAvailable", ("False", "NoWorkerReady")),
        ({"deployment": deployment(0, 0)}, "WorkersAvailable", ("False", "ScaledToZero")),
        ({"deployment": None}, "WorkersAvailable", ("False", "DeploymentNotFound")),
        ({}, "Stuck", ("False", "Empty")),
        ({"stats": queue(active_count=1)}, "Stuck", ("False", "Progressing")),
        ({"stats": queue(active_count=1, last_updated=SECONDS - 601)}, "Stuck", ("True", "NotProgressing")),
        ({"stats": queue(queue_length=1, last_updated=SECONDS - 601)}, "Stuck", ("True", "NotProgressing")),
        ({"stats": queue(last_updated=SECONDS - 601)}, "Stuck", ("False", "Empty")),
        ({"executor": "database away"}, "Stuck", ("Unknown", "ExecutorUnavailable")),
    ],
)
def test_conditions(make_policy: MakePolicy, changes: dict[str, Any], kind: str, expected: tuple[str, str]) -> None:
    assert verdict(observation(make_policy(workers=WORKERS), **changes), kind) == expected


@pytest.mark.parametrize(
    ("spec", "stats", "expected"),
    [
        ({"executionTimeoutSeconds": 3600}, queue(active_count=1, last_updated=SECONDS - 3000), "Progressing"),
        ({"executionTimeoutSeconds": 3600}, queue(active_count=1, last_updated=SECONDS - 3601), "NotProgressing"),
        ({"executionTimeoutSeconds": 3600}, queue(queue_length=1, last_updated=SECONDS - 3000), "NotProgressing"),
        (
            {"rateLimit": {"maxExecutions": 1, "windowSeconds": 1800}},
            queue(queue_length=1, last_updated=SECONDS - 1700),
            "RateLimited",
        ),
        (
            {"rateLimit": {"maxExecutions": 1, "windowSeconds": 1800}},
            queue(queue_length=1, last_updated=SECONDS - 1900),
            "NotProgressing",
        ),
    ],
)
def test_what_may_take_long_is_not_stuck(
    make_policy: MakePolicy, spec: dict[str, Any], stats: QueueStats, expected: str
) -> None:
    assert verdict(observation(make_policy(**spec), stats=stats), "Stuck")[1] == expected


def test_a_queue_in_groups_is_saturated_when_all_of_them_are(make_policy: MakePolicy) -> None:
    grouped = make_policy(groupBy=["host"])

    waiting = queue(active_count=10, queue_length=5, lines=3)
    assert verdict(observation(grouped, stats=waiting), "Saturated") == ("False", "WithinLimits")
    full = queue(active_count=30, queue_length=5, lines=3)
    assert verdict(observation(grouped, stats=full), "Saturated") == ("True", "ConcurrencyLimit")


def test_a_held_queue_is_not_stuck(make_policy: MakePolicy) -> None:
    held = make_policy(admission="Hold")
    waiting = queue(queue_length=5, last_updated=SECONDS - 4000)

    assert verdict(observation(held, stats=waiting), "Stuck") == ("False", "Held")


def test_a_policy_without_workers_is_not_scaled(make_policy: MakePolicy) -> None:
    observed = observation(make_policy())
    status = build_status(observed, NOW)

    assert verdict(observed, "ScalingLimited") == ("False", "NotScaled")
    assert verdict(observed, "WorkersAvailable") == ("Unknown", "NotScaled")
    assert (status.workers, status.scaling) == (None, None)


def test_counts_and_times_are_the_queues_own_in_whole_seconds(make_policy: MakePolicy) -> None:
    stats = queue(queue_length=4, active_count=3, oldest_enqueued_at=SECONDS - 30.5)
    status = build_status(observation(make_policy(), stats=stats), NOW)

    assert (status.queue_length, status.active_count, status.max_concurrent) == (4, 3, 10)
    assert status.max_queue_length == 10_000
    assert (status.total_enqueued, status.total_completed, status.total_rejected) == (50, 50, 2)
    assert status.oldest_enqueued_at == datetime(2027, 1, 15, 7, 59, 29, tzinfo=UTC)
    assert status.observed_generation == 3


def test_the_status_is_equal_while_nothing_changes_and_transition_times_stay(make_policy: MakePolicy) -> None:
    policy = make_policy(workers=WORKERS)
    first = build_status(observation(policy), NOW)
    written = policy.model_copy(update={"status": first})

    assert build_status(observation(written), NOW + timedelta(seconds=300)) == first


def test_a_changed_condition_gets_a_new_transition_time_and_the_others_keep_theirs(make_policy: MakePolicy) -> None:
    policy = make_policy(workers=WORKERS)
    first = build_status(observation(policy), NOW)
    written = policy.model_copy(update={"status": first})
    later = NOW + timedelta(seconds=60)

    second = build_status(observation(written, in_force=False), later)

    times = {condition.type: condition.last_transition_time for condition in second.conditions}
    assert times.pop("Ready") == later.replace(microsecond=0)
    assert set(times.values()) == {NOW.replace(microsecond=0)}


def test_figures_that_cannot_be_trusted_leave_the_last_ones(make_policy: MakePolicy) -> None:
    policy = make_policy()
    first = build_status(observation(policy, stats=queue(queue_length=7)), NOW)
    written = policy.model_copy(update={"status": first})

    second = build_status(observation(written, stats=queue(queue_length=0), executor="database away"), NOW)

    assert second.queue_length == 7
    assert next(c.status for c in second.conditions if c.type == "Ready") is ConditionStatus.UNKNOWN


def test_a_policy_that_is_not_in_force_shows_no_figures(make_policy: MakePolicy) -> None:
    status = build_status(observation(make_policy(workers=WORKERS), ruled_by="older"), NOW)

    assert (status.queue_length, status.workers, status.scaling) == (None, None, None)
    assert status.max_queue_length is None
    assert len(status.conditions) == 6


def test_stalled_is_reported_only_while_it_holds(make_policy: MakePolicy) -> None:
    status = build_status(observation(make_policy()), NOW)

    assert [condition.type for condition in status.conditions] == [
        "Ready",
        "Saturated",
        "ScalingLimited",
        "WorkersAvailable",
        "Stuck",
    ]


@pytest.mark.parametrize(
    ("admission", "closed_by_emergency", "word"),
    [("Hold", False, "none is started"), ("Closed", False, "are refused"), ("Open", True, "emergency mode has closed")],
)
def test_ready_tells_why_nothing_is_accepted_or_started(
    make_policy: MakePolicy, admission: str, closed_by_emergency: bool, word: str
) -> None:
    observed = observation(make_policy(admission=admission), closed_by_emergency=closed_by_emergency)

    ready = build_status(observed, NOW).conditions[0]
    assert (ready.status, ready.reason) == ("True", "InForce")
    assert word in ready.message


@pytest.mark.parametrize(
    ("stats", "ready", "expected"),
    [
        (queue(), 2, 0),
        (queue(active_count=9), 2, 0),
        (queue(active_count=10), 2, 1),  # one too many, 2 s each, 10 slots
        (queue(active_count=10, queue_length=99), 2, 20),
        (queue(active_count=10, queue_length=99, load=Load(1.0, None)), 2, None),
        (queue(active_count=0, queue_length=99), 0, None),
    ],
)
def test_the_estimated_wait(make_policy: MakePolicy, stats: QueueStats, ready: int, expected: int | None) -> None:
    observed = observation(make_policy(workers=WORKERS), stats=stats, deployment=deployment(2, ready))

    assert build_status(observed, NOW).estimated_wait_seconds == expected


def test_the_patch_removes_what_is_absent(make_policy: MakePolicy) -> None:
    patch = status_patch(build_status(observation(make_policy()), NOW))["status"]

    assert patch["oldestEnqueuedAt"] is None
    assert patch["scaling"] is None
    assert patch["lastUpdated"] == "2027-01-15T07:59:55Z"
    assert patch["conditions"][0]["type"] == "Ready"
