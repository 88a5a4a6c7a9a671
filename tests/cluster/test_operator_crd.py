"""The API server itself refuses what cannot work, and says what to do instead."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from testbed.cluster import Kubectl, KubectlError
from testbed.cluster.fixtures import fresh_namespace

pytestmark = pytest.mark.usefixtures("policies_crd")

VALID: dict[str, Any] = {
    "actionRef": "core.echo",
    "concurrency": 5,
    "workers": {"deployment": "attune-worker", "maxReplicas": 3},
}


@pytest.fixture(scope="module")
def empty(kubectl: Kubectl) -> Iterator[str]:
    """A namespace in which nothing is accepted, so that all who are refused may share it."""
    with fresh_namespace(kubectl) as name:
        yield name


def manifest(namespace: str, spec: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "attune.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def apply(
    kubectl: Kubectl, namespace: str, spec: dict[str, Any], kind: str = "ActionQueuePolicy", name: str = "echo"
) -> None:
    # One object and no List: for those kubectl would validate on its own instead of asking the API server.
    kubectl.run("apply", "--filename=-", stdin=json.dumps(manifest(namespace, spec, kind, name)))


def configure(kubectl: Kubectl, namespace: str, spec: dict[str, Any], name: str = "executor") -> None:
    apply(kubectl, namespace, spec, "ExecutorConfig", name)


def refusal(kubectl: Kubectl, namespace: str, spec: dict[str, Any]) -> str:
    with pytest.raises(KubectlError) as raised:
        apply(kubectl, namespace, spec)
    return str(raised.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"concurrency": 0}, "concurrency must be 1 or more; to start no executions set admission to Hold"),
        ({"maxQueueLength": -1}, "maxQueueLength must be 0 or more"),
        ({"queueTimeoutSeconds": -1}, "or 0 to let executions wait for as long as it takes"),
        ({"executionTimeoutSeconds": 0}, "leave it out to let executions run for ever"),
        ({"groupBy": ["host", "host"]}, "groupBy names parameters, each once: remove the second of two equal names"),
        ({"groupBy": [""]}, "spec.groupBy[0]"),
        ({"rateLimit": {"maxExecutions": 0}}, "maxExecutions must be 1 or more within windowSeconds"),
        ({"rateLimit": {"maxExecutions": 1, "windowSeconds": 0}}, "for a slower rate lower maxExecutions"),
        ({"rateLimit": {"windowSeconds": 60}}, "spec.rateLimit.maxExecutions: Required value"),
        ({"priority": 11}, "priority must be between 0 (the first to be closed in an emergency) and 10 (the last)"),
        ({"tags": ["batch", "batch"]}, 'spec.tags[1]: Duplicate value: "batch"'),
        ({"retry": {"maxAttempts": 0}}, "maxAttempts counts the first run too: set it between 1 (no retry) and 100"),
        ({"retry": {"delaySeconds": 3601}}, "the execution keeps its slot meanwhile, so keep it short"),
        ({"retry": {"workerLost": "Ignore"}}, 'supported values: "Retry", "Fail"'),
        ({"admission": "Paused"}, 'supported values: "Open", "Hold", "Closed"'),
        ({"actionRef": "core echo"}, "actionRef must be a pack and an action such as core.http.get"),
        ({"concurency": 5}, 'unknown field "spec.concurency"'),
        (
            {"workers": {"deployment": "attune-worker", "maxReplicas": 3, "minReplicas": 4}},
            "minReplicas must not be above maxReplicas: lower minReplicas or raise maxReplicas",
        ),
        ({"workers": {"deployment": "attune-worker", "maxReplicas": 0}}, "maxReplicas must be between 1 and 10000"),
        ({"workers": {"deployment": "Worker", "maxReplicas": 3}}, "deployment must be the name of a Deployment"),
        ({"workers": {"maxReplicas": 3}}, "spec.workers.deployment: Required value"),
        (
            {
                "workers": {
                    "deployment": "attune-worker",
                    "maxReplicas": 3,
                    "depthBands": [{"waiting": 5, "addPercent": 1}, {"waiting": 5, "addPercent": 2}],
                }
            },
            "each band of depthBands must begin at another depth",
        ),
    ],
)
def test_what_cannot_work_is_refused(kubectl: Kubectl, empty: str, changes: dict[str, Any], message: str) -> None:
    assert message in refusal(kubectl, empty, {**VALID, "concurrency": 5, **changes})


def test_the_action_of_a_policy_cannot_be_changed(kubectl: Kubectl, namespace: str) -> None:
    apply(kubectl, namespace, VALID)

    assert "actionRef cannot be changed: create another policy" in refusal(
        kubectl, namespace, {**VALID, "actionRef": "core.sleep"}
    )


def test_an_unknown_field_is_refused_on_a_change_too(kubectl: Kubectl, namespace: str) -> None:
    apply(kubectl, namespace, VALID)

    assert 'unknown field "spec.workers.maxReplica"' in refusal(
        kubectl, namespace, {**VALID, "workers": {**VALID["workers"], "maxReplica": 4}}
    )


def test_the_defaults_are_filled_in(kubectl: Kubectl, namespace: str) -> None:
    apply(kubectl, namespace, VALID)

    spec = kubectl.get("aqp", "echo", "--namespace", namespace)["spec"]
    assert spec == {
        "actionRef": "core.echo",
        "concurrency": 5,
        "admission": "Open",
        "priority": 5,
        "retry": {"maxAttempts": 1, "delaySeconds": 0, "workerLost": "Retry"},
        "workers": {
            "deployment": "attune-worker",
            "maxReplicas": 3,
            "minReplicas": 1,
            "slotsPerWorker": 10,
            "mode": "Auto",
            "bufferPercent": 50,
            "drainSeconds": 30,
            "depthBands": [
                {"waiting": 10, "addPercent": 25},
                {"waiting": 50, "addPercent": 50},
                {"waiting": 100, "addPercent": 100},
            ],
            "peakWindowSeconds": 3600,
            "scaleDown": {"stabilizationSeconds": 300},
        },
    }


def test_what_kubectl_get_shows(kubectl: Kubectl, namespace: str) -> None:
    apply(kubectl, namespace, VALID)

    header, row = kubectl.run("get", "aqp", "--namespace", namespace).splitlines()
    wide, _ = kubectl.run("get", "attune", "--namespace", namespace, "--output=wide").splitlines()
    columns = ["NAME", "ACTION", "CONC", "QUEUED", "RUNNING", "OLDEST", "WORKERS", "DESIRED", "READY", "AGE"]
    assert header.split() == columns
    assert wide.split() == [*columns, "WAIT", "REJECTED", "REASON"]
    assert row.split()[:3] == ["echo", "core.echo", "5"]


def test_the_status_is_written_through_its_subresource_only(kubectl: Kubectl, namespace: str) -> None:
    apply(kubectl, namespace, VALID)
    patch = json.dumps({"status": {"queueLength": 7}})
    arguments = ("patch", "aqp", "echo", "--namespace", namespace, "--type=merge", "--patch", patch)

    kubectl.run(*arguments)
    assert "queueLength" not in kubectl.get("aqp", "echo", "--namespace", namespace)["status"]

    kubectl.run(*arguments, "--subresource=status")
    assert kubectl.get("aqp", "echo", "--namespace", namespace)["status"]["queueLength"] == 7


@pytest.mark.parametrize(("kind", "name", "spec"), [("aqp", "echo", VALID), ("aec", "executor", {})])
def test_an_object_that_no_operator_has_seen_is_not_taken_for_ready(
    kubectl: Kubectl, namespace: str, kind: str, name: str, spec: dict[str, Any]
) -> None:
    apply(kubectl, namespace, spec, "ActionQueuePolicy" if kind == "aqp" else "ExecutorConfig", name)

    status = kubectl.get(kind, name, "--namespace", namespace)["status"]
    assert status["observedGeneration"] == -1
    assert [(each["type"], each["status"], each["reason"]) for each in status["conditions"]] == [
        ("Ready", "Unknown", "Pending")
    ]
    with pytest.raises(KubectlError, match="timed out waiting"):
        kubectl.run("wait", kind, name, "--namespace", namespace, "--for=condition=Ready", "--timeout=1s")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"queue": {"maxQueueLength": -1}}, "queue.maxQueueLength must be 0 or more"),
        ({"queue": {"queueTimeoutSeconds": -1}}, "or 0 to let executions wait for as long as it takes"),
        ({"emergency": {"maxQueueLength": -1}}, "it only ever lengthens queues, so 0 relaxes nothing"),
        (
            {"emergency": {"closeBelowPriority": 12}},
            "closeBelowPriority must be between 0 (close none) and 11 (close every action)",
        ),
        ({"emergency": {"closeTags": ["a", "a"]}}, 'Duplicate value: "a"'),
        ({"apiRateLimit": {"maxRequestsPerMinute": 0}}, "to refuse everything set the admission of the policies to"),
        ({"retention": {"executionDays": -1}}, "or 0 to keep finished executions for ever"),
        ({"retention": {"growthDays": -1}}, "or 0 to keep the counts of every day for ever"),
        ({"retention": {"snapshotDays": -1}}, "or 0 to keep snapshots for ever"),
        ({"emergencyMod": True}, 'unknown field "spec.emergencyMod"'),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(
    kubectl: Kubectl, empty: str, spec: dict[str, Any], message: str
) -> None:
    with pytest.raises(KubectlError) as raised:
        configure(kubectl, empty, spec)
    assert message in str(raised.value)


def test_there_is_one_configuration(kubectl: Kubectl, empty: str) -> None:
    with pytest.raises(KubectlError, match="an ExecutorConfig must be named executor: there is one executor"):
        configure(kubectl, empty, {}, name="another")


def test_the_defaults_of_a_configuration_are_those_of_the_runbook(kubectl: Kubectl, namespace: str) -> None:
    configure(kubectl, namespace, {"apiRateLimit": {}})

    assert kubectl.get("aec", "executor", "--namespace", namespace)["spec"] == {
        "emergencyMode": False,
        "emergency": {"maxQueueLength": 50_000, "closeBelowPriority": 0, "closeTags": []},
        "queue": {"maxQueueLength": 10_000, "queueTimeoutSeconds": 3600},
        "apiRateLimit": {"enabled": True, "maxRequestsPerMinute": 1000},
        "snapshots": {"enabled": True},
        "retention": {"executionDays": 30, "snapshotDays": 30, "growthDays": 400},
    }


def test_what_kubectl_get_shows_of_a_configuration(kubectl: Kubectl, namespace: str) -> None:
    configure(kubectl, namespace, {})

    header, row = kubectl.run("get", "aec", "--namespace", namespace).splitlines()
    wide, _ = kubectl.run("get", "attune", "--namespace", namespace, "--output=wide").splitlines()
    columns = ["NAME", "EMERGENCY", "LIMIT", "POLICIES", "QUEUED", "RUNNING", "READY", "AGE"]
    assert header.split() == columns
    assert wide.split() == [*columns, "OWNER", "EPOCH", "COMPLETED", "REJECTED"]
    assert row.split()[:2] == ["executor", "Unknown"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("aqp", "never more than `concurrency` run at a time."),
        ("aqp.spec.concurrency", "Executions of the action that may run at a time."),
        ("aqp.spec.queueTimeoutSeconds", "which is 3600 where nobody has changed it"),
        ("aqp.spec.retry.workerLost", "at least once"),
        ("aqp.status.conditions", "Stuck: the queue has work and has not moved for 10 minutes,"),
        ("aec", "Changes take effect within seconds"),
        ("aec.spec.emergencyMode", "Turning it off restores what the policies say."),
        ("aec.status.epoch", "How often the queues have changed hands"),
    ],
)
def test_kubectl_explain_reads_like_documentation(kubectl: Kubectl, path: str, text: str) -> None:
    assert text in " ".join(kubectl.run("explain", path).split())
