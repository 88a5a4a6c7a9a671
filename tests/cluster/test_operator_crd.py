"""The API server itself refuses what cannot work, and says what to do instead."""

import json
from typing import Any

import pytest

from testbed.cluster import Kubectl, KubectlError

pytestmark = pytest.mark.usefixtures("policies_crd")

VALID: dict[str, Any] = {
    "actionRef": "core.echo",
    "concurrency": 5,
    "workers": {"deployment": "attune-worker", "maxReplicas": 3},
}


def manifest(namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "attune.io/v1alpha1",
        "kind": "ActionQueuePolicy",
        "metadata": {"name": "echo", "namespace": namespace},
        "spec": spec,
    }


def apply(kubectl: Kubectl, namespace: str, spec: dict[str, Any]) -> None:
    # One object and no List: for those kubectl would validate on its own instead of asking the API server.
    kubectl.run("apply", "--filename=-", stdin=json.dumps(manifest(namespace, spec)))


def refusal(kubectl: Kubectl, namespace: str, spec: dict[str, Any]) -> str:
    with pytest.raises(KubectlError) as raised:
        apply(kubectl, namespace, spec)
    return str(raised.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"concurrency": 0}, "concurrency must be 1 or more; to start no executions set admission to Hold"),
        ({"maxQueueLength": -1}, "maxQueueLength must be 0 or more"),
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
def test_what_cannot_work_is_refused(kubectl: Kubectl, namespace: str, changes: dict[str, Any], message: str) -> None:
    assert message in refusal(kubectl, namespace, {**VALID, "concurrency": 5, **changes})


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
        "maxQueueLength": 10_000,
        "admission": "Open",
        "workers": {
            "deployment": "attune-worker",
            "maxReplicas": 3,
            "minReplicas": 1,
            "slotsPerWorker": 10,
            "mode": "Auto",
            "bufferPercent": 50,
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
    assert "status" not in kubectl.get("aqp", "echo", "--namespace", namespace)

    kubectl.run(*arguments, "--subresource=status")
    assert kubectl.get("aqp", "echo", "--namespace", namespace)["status"] == {"queueLength": 7}


def test_kubectl_explain_reads_like_documentation(kubectl: Kubectl) -> None:
    assert "Executions of the action that may run at a time." in kubectl.run("explain", "aqp.spec.concurrency")
