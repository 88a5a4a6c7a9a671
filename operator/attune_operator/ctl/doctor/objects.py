"""Deployments, pods, quotas and Events of the Kubernetes API as the plain values of the evidence."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from attune_operator.ctl.doctor.evidence import Container, Pod, Workload
from attune_operator.resources import ObjectKey

Json: TypeAlias = Mapping[str, Any]

_WARNINGS: Final = 2
"""Events that are told of a pod, the last ones."""


def workload_of(deployment: Json, pods: Sequence[Pod]) -> Workload:
    """A Deployment with its pods."""
    metadata, status = deployment["metadata"], deployment.get("status", {})
    return Workload(
        ObjectKey(metadata["namespace"], metadata["name"]),
        replicas=deployment["spec"].get("replicas", 1),
        ready=status.get("readyReplicas", 0),
        refused=_condition(status, "ReplicaFailure", "True"),
        pods=pods,
    )


def selector_of(deployment: Json) -> str:
    """The labels of a Deployment's pods, as a query has them."""
    labels: Mapping[str, str] = deployment["spec"]["selector"].get("matchLabels", {})
    return ",".join(f"{key}={value}" for key, value in labels.items())


def pod_of(pod: Json, warnings: Sequence[str]) -> Pod | None:
    """A pod; None where it is being deleted, or is of a run that has ended."""
    metadata, status = pod["metadata"], pod.get("status", {})
    if "deletionTimestamp" in metadata or status.get("phase") in {"Succeeded", "Failed"}:
        return None
    states = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return Pod(
        metadata["name"],
        datetime.fromisoformat(metadata["creationTimestamp"]),
        ready_since=_since(status, "Ready", "True"),
        unready_since=_since(status, "Ready", "False"),
        unscheduled=_condition(status, "PodScheduled", "False"),
        containers=[_container(each) for each in states],
        warnings=warnings,
    )


def warnings_by_pod(events: Sequence[Json]) -> dict[str, list[str]]:
    """The last warnings about each pod, the oldest first."""
    found: dict[str, list[str]] = {}
    for event in sorted(events, key=_told_at):
        about = event.get("involvedObject", {})
        if event.get("type") == "Warning" and about.get("kind") == "Pod":
            lines = found.setdefault(about.get("name", ""), [])
            lines.append(f"Event {event.get('reason')}: {event.get('message')}")
            del lines[:-_WARNINGS]
    return found


def quota_lines(quotas: Sequence[Json]) -> list[str]:
    """ResourceQuotas with what they leave."""
    lines: list[str] = []
    for quota in quotas:
        hard, used = quota.get("status", {}).get("hard", {}), quota.get("status", {}).get("used", {})
        figures = ", ".join(f"{name} {used.get(name, '?')} of {limit}" for name, limit in sorted(hard.items()))
        lines.append(f"ResourceQuota {quota['metadata']['name']}: {figures}")
    return lines


def _container(state: Json) -> Container:
    present: Json = state.get("state", {})
    waiting: Json = present.get("waiting", {})
    ended: Json = present.get("terminated") or state.get("lastState", {}).get("terminated") or {}
    finished, started = ended.get("finishedAt"), present.get("running", {}).get("startedAt")
    return Container(
        state["name"],
        # An init container that is done is not ready, and well.
        ready=state.get("ready", False) or present.get("terminated", {}).get("exitCode") == 0,
        restarts=state.get("restartCount", 0),
        waiting=waiting.get("reason"),
        message=waiting.get("message"),
        ended=ended.get("reason"),
        exit_code=ended.get("exitCode"),
        ended_at=None if finished is None else datetime.fromisoformat(finished),
        running_since=None if started is None else datetime.fromisoformat(started),
    )


def _condition(status: Json, kind: str, wanted: str) -> str | None:
    """The message of a condition that has this status; None where it has another."""
    for each in status.get("conditions", ()):
        if each["type"] == kind and each["status"] == wanted:
            return each.get("message") or each.get("reason") or kind
    return None


def _since(status: Json, kind: str, wanted: str) -> datetime | None:
    """Since when a condition has this status; None where it has another."""
    for each in status.get("conditions", ()):
        if each["type"] == kind and each["status"] == wanted:
            return datetime.fromisoformat(each["lastTransitionTime"])
    return None


def _told_at(event: Json) -> str:
    return event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or ""
