"""Recorded evidence: a system that is well, to be changed where a test needs it ill."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from attune_operator.ctl.doctor.evidence import Container, Evidence, Pod, Workload
from attune_operator.ctl.doctor.executor_health import ExecutorHealth
from attune_operator.ctl.doctor.finding import Finding, Severity, Thresholds
from attune_operator.ctl.doctor.rounds import diagnose
from attune_operator.ctl.main import app
from attune_operator.lease import Lease, LeaseMetadata
from attune_operator.resources import ActionQueuePolicy, ActionQueuePolicyStatus, ObjectKey

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
HOME = "attune-system"
OPERATOR = ObjectKey(HOME, "attune-operator")
WORKERS = ObjectKey(HOME, "workers")
READY = NOW - timedelta(hours=1)
MakePolicy = Callable[..., ActionQueuePolicy]


def pod(name: str = "workers-1", **changes: Any) -> Pod:
    """A pod that is ready, unless the changes say otherwise."""
    return replace(Pod(name, READY, ready_since=READY, containers=(Container("worker", ready=True),)), **changes)


def workload(key: ObjectKey, *pods: Pod, **changes: Any) -> Workload:
    """A Deployment of these pods."""
    ready = sum(each.ready_since is not None for each in pods)
    return replace(Workload(key, replicas=len(pods), ready=ready, pods=pods), **changes)


def health(action: Mapping[str, Any] | None = None, **shard: Any) -> ExecutorHealth:
    """An executor that is well; ``action`` changes how core.echo stands, the rest the shard."""
    parts = ("database", "broker", "completion_listener", "dispatcher", "statistics")
    worker = {"name": "workers-1", "slots": 10, "held": 0, "draining": False, "unanswered_roll_calls": 1}
    well = {
        "components": [{"name": name, "ok": True, "since": READY} for name in parts],
        "queues": [{"name": "execution.completed", "messages": 0, "consumers": 1}],
        "pools": [{"name": "workers", "slots": 10, "idle_slots": 10, "workers": [worker]}],
        "actions": [{"action_ref": "core.echo", "pool": "workers", **(action or {})}],
    }
    return ExecutorHealth.model_validate({"shards": [{**well, **shard}]})


def failing(*names: str, error: str = "refused") -> list[dict[str, Any]]:
    """Components, of which these fail."""
    parts = ("database", "broker", "completion_listener", "dispatcher", "statistics")
    return [{"name": name, "ok": name not in names, "since": READY, "last_error": error} for name in parts]


def understood(words: list[str]) -> None:
    """A remedy is a command line, and of ours one that exists."""
    if words[0] == "attune":
        command = get_command(app)
        while isinstance(command, TyperGroup):
            command = command.commands[words.pop(1)]
        command.make_context(command.name, words[1:])


@dataclass(frozen=True)
class Clinic:
    """Evidence, and what the doctor makes of it."""

    evidence: Evidence
    make_policy: MakePolicy

    def policy(
        self, name: str = "echo", *, conditions: Mapping[str, tuple[str, str]] | None = None, **changes: Any
    ) -> ActionQueuePolicy:
        """A policy with a status: ``conditions`` by type with status and reason, ``status`` has its other fields."""
        status = changes.pop("status", {})
        spec = {"workers": {"deployment": "workers", "maxReplicas": 3}, **changes}
        stated = {"Ready": ("True", "InForce"), **(conditions or {})}
        listed = [
            {
                "type": kind,
                "status": value,
                "reason": reason,
                "message": f"{reason}, they say",
                "lastTransitionTime": READY,
            }
            for kind, (value, reason) in stated.items()
        ]
        given = {
            "queueLength": 0,
            "activeCount": 0,
            "maxConcurrent": 10,
            "lastUpdated": NOW,
            "conditions": listed,
            **status,
        }
        read = ActionQueuePolicyStatus.model_validate(given)
        return self.make_policy(name, **spec).model_copy(update={"status": read})

    def findings(self, thresholds: Thresholds | None = None, **changes: Any) -> list[Finding]:
        """What is found where the evidence is changed so."""
        found = diagnose(replace(self.evidence, **changes), thresholds or Thresholds())
        for remedy in (each for finding in found for each in finding.remedies):
            understood(shlex.split(remedy.command.replace("ID", "7")))
        return found

    def finding(self, thresholds: Thresholds | None = None, **changes: Any) -> Finding:
        """The one fault that is found then."""
        (found,) = [each for each in self.findings(thresholds, **changes) if each.severity is not Severity.NOTICE]
        return found


@pytest.fixture
def clinic(make_policy: MakePolicy) -> Clinic:
    lease = Lease(metadata=LeaseMetadata(name="attune-operator"))
    evidence = Evidence(
        NOW,
        HOME,
        policies=(),
        lease=lease.held_by("attune-operator-1", 10, NOW),
        operator=workload(OPERATOR, pod("attune-operator-1"), pod("attune-operator-2")),
        workers={WORKERS: workload(WORKERS, pod())},
        executor=health(),
    )
    clinic = Clinic(evidence, make_policy)
    return replace(clinic, evidence=replace(evidence, policies=(clinic.policy(),)))
