"""Objects of the Kubernetes API, as an API server sends them, as evidence."""

from datetime import UTC, datetime
from typing import Any

import pytest

from attune_operator.ctl.doctor.objects import pod_of, quota_lines, selector_of, warnings_by_pod, workload_of

CREATED = "2026-12-01T12:00:00Z"
POD: dict[str, Any] = {
    "metadata": {"name": "w-1", "namespace": "n", "creationTimestamp": CREATED},
    "status": {
        "phase": "Running",
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": "False", "lastTransitionTime": CREATED},
        ],
        "initContainerStatuses": [
            {
                "name": "migrate",
                "ready": True,
                "restartCount": 0,
                "state": {"terminated": {"exitCode": 0, "reason": "Completed"}},
            }
        ],
        "containerStatuses": [
            {
                "name": "worker",
                "ready": False,
                "restartCount": 2,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-12-01T12:01:00Z"}},
            }
        ],
    },
}


def test_a_pod_that_crashes() -> None:
    pod = pod_of(POD, ["Event BackOff: again"])
    assert pod is not None
    assert (pod.name, pod.ready_since, pod.unscheduled, pod.warnings) == ("w-1", None, None, ["Event BackOff: again"])
    migrate, worker = pod.containers
    assert migrate.ready
    assert (worker.waiting, worker.ended, worker.exit_code, worker.restarts) == ("CrashLoopBackOff", "Error", 1, 2)
    assert worker.ended_at == datetime(2026, 12, 1, 12, 1, tzinfo=UTC)


def test_a_pod_that_no_node_takes_and_pods_that_are_over() -> None:
    refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    pod = pod_of({**POD, "status": {"phase": "Pending", "conditions": [refused]}}, ())
    assert pod is not None
    assert (pod.unscheduled, pod.containers) == ("0/1 nodes", [])
    assert pod_of({**POD, "metadata": {**POD["metadata"], "deletionTimestamp": CREATED}}, ()) is None
    assert pod_of({**POD, "status": {"phase": "Failed"}}, ()) is None


def test_a_deployment_that_is_refused_its_pods() -> None:
    deployment = {
        "metadata": {"name": "w", "namespace": "n"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"a": "b", "c": "d"}}},
        "status": {
            "readyReplicas": 1,
            "conditions": [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: q"}],
        },
    }
    found = workload_of(deployment, [])
    assert (str(found.key), found.replicas, found.ready, found.refused) == ("n/w", 2, 1, "exceeded quota: q")
    assert selector_of(deployment) == "a=b,c=d"
    quota = {
        "metadata": {"name": "q"},
        "status": {"hard": {"pods": "1", "cpu": "2"}, "used": {"pods": "1", "cpu": "0"}},
    }
    assert quota_lines([quota]) == ["ResourceQuota q: cpu 0 of 2, pods 1 of 1"]


def test_the_last_warnings_about_a_pod() -> None:
    def event(number: int, kind: str = "Warning") -> dict[str, Any]:
        about = {"kind": "Pod", "name": "w-1"}
        told = f"2026-12-01T12:00:0{number}Z"
        return {
            "type": kind,
            "involvedObject": about,
            "reason": "R",
            "message": str(number),
            "lastTimestamp": told,
            "metadata": {},
        }

    events = [event(3), event(1), event(2), event(4, "Normal")]
    assert warnings_by_pod(events) == {"w-1": ["Event R: 2", "Event R: 3"]}


@pytest.mark.parametrize(
    ("state", "another"),
    [
        ({"waiting": {"reason": "CrashLoopBackOff"}}, True),
        ({"running": {"startedAt": CREATED}}, True),
        ({"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": CREATED}}, False),
    ],
)
def test_which_run_of_a_container_crashed(state: dict[str, Any], another: bool) -> None:
    crashing = {**POD["status"]["containerStatuses"][0], "state": state}
    pod = pod_of({**POD, "status": {**POD["status"], "containerStatuses": [crashing]}}, ())
    assert pod is not None
    assert (pod.containers[-1].exit_code, pod.containers[-1].has_another_run) == (1, another)
