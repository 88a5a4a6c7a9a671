"""What the executor follows of an ExecutorConfig, and what its status tells."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.maintenance import MaintenanceRules
from attune_executor.domain.stats import Load, QueueStats
from attune_executor.ports.journal import Ownership
from attune_operator.resources import ConditionStatus, ExecutorConfig, ExecutorRules, QueueDefaults
from attune_operator.status import ConfigObservation, Severity, build_config_status, config_transitions, status_patch

NOW = datetime(2027, 1, 15, 8, 0, 0, 123456, tzinfo=UTC)
RUNBOOK = ExecutorRules(QueueDefaults(10_000, 3600), None, None, MaintenanceRules())


def config(**spec: Any) -> ExecutorConfig:
    return ExecutorConfig.model_validate(
        {
            "metadata": {
                "name": "executor",
                "namespace": "attune-system",
                "uid": "u",
                "generation": 4,
                "resourceVersion": "9",
                "creationTimestamp": "2026-12-01T00:00:00Z",
            },
            "spec": spec,
        }
    )


def stats(action_id: int, **changes: Any) -> QueueStats:
    queue = QueueStats(action_id, f"core.{action_id}", 3, 2, 2, NOW.timestamp(), 9, 4, 1, 1000.0, Load(0.0, None))
    return replace(queue, **changes)


def observation(**changes: Any) -> ConfigObservation:
    usual = ConfigObservation(
        config=config(),
        wanted=RUNBOOK,
        followed=RUNBOOK,
        executor=None,
        ownerships=(Ownership(0, "operator-0", 7, 0, 0), Ownership(1, "operator-0", 9, 0, 0)),
        policies=2,
        stats=(stats(1), stats(2, last_updated=2000.5)),
    )
    return replace(usual, **changes)


def verdicts(observed: ConfigObservation) -> dict[str, tuple[str, str]]:
    return {each.type: (each.status.value, each.reason) for each in build_config_status(observed, NOW).conditions}


@pytest.mark.parametrize(
    ("spec", "changes"),
    [
        ({}, {}),
        ({"emergencyMode": True}, {"emergency": Emergency(50_000, 0, frozenset())}),
        (
            {
                "emergencyMode": True,
                "emergency": {"maxQueueLength": 20_000, "closeBelowPriority": 5, "closeTags": ["low-priority"]},
            },
            {"emergency": Emergency(20_000, 5, frozenset({"low-priority"}))},
        ),
        ({"emergency": {"closeBelowPriority": 5}}, {}),
        ({"queue": {"maxQueueLength": 20_000}}, {"queue": QueueDefaults(20_000, 3600)}),
        ({"queue": {"queueTimeoutSeconds": 0}}, {"queue": QueueDefaults(10_000, None)}),
        ({"apiRateLimit": {}}, {"requests_per_minute": 1000}),
        ({"apiRateLimit": {"maxRequestsPerMinute": 500}}, {"requests_per_minute": 500}),
        ({"apiRateLimit": {"enabled": False, "maxRequestsPerMinute": 500}}, {}),
        ({"snapshots": {"enabled": False}}, {"maintenance": MaintenanceRules(snapshots=False)}),
        (
            {"retention": {"executionDays": 0, "snapshotDays": 90}},
            {"maintenance": MaintenanceRules(execution_retention_days=0, snapshot_retention_days=90)},
        ),
    ],
)
def test_what_the_executor_follows(spec: dict[str, Any], changes: dict[str, Any]) -> None:
    assert config(**spec).spec.rules(statistics=True) == replace(RUNBOOK, **changes)


def test_without_statistics_there_is_nothing_to_take_snapshots_of() -> None:
    assert config().spec.rules(statistics=False).maintenance.snapshots is False


@pytest.mark.parametrize(
    ("changes", "ready", "emergency"),
    [
        ({}, ("True", "InForce"), ("False", "Off")),
        ({"followed": None}, ("False", "Pending"), ("Unknown", "Pending")),
        ({"wanted": replace(RUNBOOK, emergency=Emergency())}, ("False", "Pending"), ("False", "Off")),
        ({"followed": replace(RUNBOOK, emergency=Emergency())}, ("False", "Pending"), ("True", "On")),
        ({"executor": "database away"}, ("Unknown", "ExecutorUnavailable"), ("False", "Off")),
    ],
)
def test_conditions(changes: dict[str, Any], ready: tuple[str, str], emergency: tuple[str, str]) -> None:
    assert verdicts(observation(**changes)) == {"Ready": ready, "EmergencyMode": emergency}


def test_emergency_mode_tells_what_it_does() -> None:
    on = replace(RUNBOOK, emergency=Emergency(50_000, 5, frozenset({"batch"})))
    status = build_config_status(observation(wanted=on, followed=on), NOW)

    assert status.conditions[1].message == (
        "queues may grow to 50000, and actions with a priority below 5 or tagged batch take no new executions;"
        " set emergencyMode to false when it is over"
    )


def test_owner_epoch_and_totals() -> None:
    status = build_config_status(observation(followed=replace(RUNBOOK, requests_per_minute=500)), NOW)

    assert (status.owner, status.epoch, status.shards, status.requests_per_minute) == ("operator-0", 9, 2, 500)
    assert status.totals is not None
    assert status.totals.model_dump() == {
        "policies": 2,
        "queue_length": 6,
        "active_count": 4,
        "total_enqueued": 18,
        "total_completed": 8,
        "total_rejected": 2,
    }
    assert status.last_updated == datetime.fromtimestamp(2000, UTC)


def test_the_status_is_equal_while_nothing_changes() -> None:
    first = build_config_status(observation(), NOW)
    written = config().model_copy(update={"status": first})

    assert build_config_status(observation(config=written), NOW + timedelta(seconds=300)) == first
    assert status_patch(first)["status"]["requestsPerMinute"] is None


def test_figures_that_cannot_be_trusted_leave_the_last_ones() -> None:
    first = build_config_status(observation(), NOW)
    written = config().model_copy(update={"status": first})

    second = build_config_status(observation(config=written, executor="database away", stats=()), NOW)

    assert second.totals == first.totals
    assert second.conditions[0].status is ConditionStatus.UNKNOWN


def test_emergency_mode_is_told_when_it_begins_and_when_it_ends() -> None:
    on = replace(RUNBOOK, emergency=Emergency())
    calm = build_config_status(observation(), NOW)
    emergency = build_config_status(observation(wanted=on, followed=on), NOW)

    assert [(each.severity, each.reason) for each in config_transitions(None, calm)] == [(Severity.NORMAL, "InForce")]
    assert [(each.severity, each.reason) for each in config_transitions(calm, emergency)] == [(Severity.WARNING, "On")]
    assert [(each.severity, each.reason) for each in config_transitions(emergency, calm)] == [(Severity.NORMAL, "Off")]
