"""The ExecutorConfig on a real API server: what an SRE patches during an incident counts within seconds, and ends."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.attune.operators import OperatorReplica, Operators, until
from testbed.cluster import Kubectl

pytestmark = pytest.mark.usefixtures("policies_crd")

SOON = 15.0
"""Seconds that a change may take here; a pass is a second, and the machine may be busy."""


class Namespace:
    """kubectl in one namespace."""

    def __init__(self, kubectl: Kubectl, name: str) -> None:
        self._kubectl = kubectl
        self.name = name

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        return self._kubectl.run("--namespace", self.name, *arguments, stdin=stdin)

    def apply(self, kind: str, name: str, **spec: Any) -> None:
        manifest = {"apiVersion": "attune.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        self.run("apply", "--filename=-", stdin=json.dumps(manifest))

    def policy(self, action: str, **spec: Any) -> None:
        name = action.replace(".", "-")
        self.apply("ActionQueuePolicy", name, actionRef=action, **spec)
        self.run("wait", "aqp", name, "--for=condition=Ready", "--timeout=60s")

    def configure(self, **spec: Any) -> None:
        """What `kubectl patch` sends; the object is made if it is not there yet."""
        if not self.run("get", "aec", "executor", "--ignore-not-found"):
            self.apply("ExecutorConfig", "executor")
        self.run("patch", "aec", "executor", "--type=merge", "--patch", json.dumps({"spec": spec}))

    def status(self, kind: str, name: str) -> dict[str, Any]:
        return json.loads(self.run("get", kind, name, "--output=json"))["status"]

    def condition(self, kind: str, name: str, of: str) -> dict[str, str]:
        conditions: list[dict[str, str]] = self.status(kind, name)["conditions"]
        return next((each for each in conditions if each["type"] == of), dict[str, str]())

    def events(self, name: str) -> list[dict[str, Any]]:
        """The Events of an object."""
        selector = f"--field-selector=involvedObject.name={name}"
        return json.loads(self.run("get", "events", selector, "--output=json"))["items"]

    def reasons(self, name: str) -> list[str]:
        return [event["reason"] for event in self.events(name)]


@pytest.fixture
def place(kubectl: Kubectl, namespace: str) -> Namespace:
    return Namespace(kubectl, namespace)


@pytest.fixture
def leader(
    tmp_path: Path, kubectl: Kubectl, namespace: str, migrated_url: str, amqp_url: str
) -> Iterator[OperatorReplica]:
    # No worker: whatever is submitted waits, which is what these tests look at.
    with Operators(tmp_path, kubectl, namespace, migrated_url, amqp_url) as operators:
        yield operators.leader()


def answer(leader: OperatorReplica, action: str, count: int = 1) -> int:
    return leader.submit(action, count=count).status_code


def test_emergency_mode_relaxes_and_closes_and_leaves_no_trace(leader: OperatorReplica, place: Namespace) -> None:
    place.policy("core.echo", concurrency=1, maxQueueLength=2, priority=8)
    place.policy("core.sleep", concurrency=1, priority=2)
    assert answer(leader, "core.echo", 2) == 201
    assert answer(leader, "core.echo") == 429
    assert answer(leader, "core.sleep") == 201

    place.configure(emergencyMode=True, emergency={"maxQueueLength": 5, "closeBelowPriority": 5})
    until(lambda: answer(leader, "core.sleep") == 409, SOON, leader)
    assert [answer(leader, "core.echo") for _ in range(4)] == [201, 201, 201, 429]
    until(lambda: place.condition("aec", "executor", "EmergencyMode").get("status") == "True", SOON, leader)
    until(lambda: place.status("aqp", "core-echo").get("maxQueueLength") == 5, SOON, leader)
    until(lambda: "emergency mode has closed" in place.condition("aqp", "core-sleep", "Ready")["message"], SOON, leader)

    place.configure(emergencyMode=False)
    until(lambda: answer(leader, "core.sleep") == 201, SOON, leader)
    refused = leader.submit("core.echo")
    assert (refused.status_code, refused.json()["error"]) == (429, "Queue full (max length: 2)")
    until(lambda: place.condition("aec", "executor", "EmergencyMode").get("status") == "False", SOON, leader)
    until(lambda: place.status("aqp", "core-echo").get("maxQueueLength") == 2, SOON, leader)
    assert leader.queue("core.echo")["queue_length"] == 5, "what was accepted stays"

    place.configure(emergencyMode=True)
    again = until(
        lambda: next((e for e in place.events("executor") if e["reason"] == "On" and e.get("series")), None),
        SOON,
        leader,
    )
    assert again["series"]["count"] == 2
    assert sorted(place.reasons("executor")) == ["InForce", "Off", "On"]


def test_defaults_and_the_rate_limit_are_live(leader: OperatorReplica, place: Namespace) -> None:
    place.policy("core.echo", concurrency=1)
    place.policy("core.sleep", concurrency=1, maxQueueLength=2)
    assert answer(leader, "core.echo", 2) == 201

    place.configure(queue={"maxQueueLength": 2})
    until(lambda: answer(leader, "core.echo") == 429, SOON, leader)
    place.configure(queue={"maxQueueLength": 20_000})
    until(lambda: answer(leader, "core.echo") == 201, SOON, leader)
    assert answer(leader, "core.sleep", 2) == 201
    assert answer(leader, "core.sleep") == 429, "a policy that says so itself is as it was"

    place.configure(apiRateLimit={"maxRequestsPerMinute": 1})
    limited = until(lambda: r if "requests a minute" in (r := leader.submit("core.echo")).text else None, SOON, leader)
    assert (limited.status_code, limited.json()["code"]) == (429, "rate_limited")
    until(lambda: place.status("aec", "executor").get("requestsPerMinute") == 1, SOON, leader)
    place.configure(apiRateLimit=None)
    until(lambda: answer(leader, "core.echo") == 201, SOON, leader)

    place.run("delete", "aec", "executor")
    until(lambda: place.status("aqp", "core-echo").get("maxQueueLength") == 10_000, SOON, leader)


def test_the_status_tells_who_executes_and_how_much(leader: OperatorReplica, place: Namespace) -> None:
    place.policy("core.echo", concurrency=1)
    assert answer(leader, "core.echo", 3) == 201
    place.configure()
    place.run("wait", "aec", "executor", "--for=condition=Ready", "--timeout=60s")

    status = until(
        lambda: s if (s := place.status("aec", "executor")).get("totals", {}).get("queueLength") == 3 else None,
        SOON,
        leader,
    )
    assert status["observedGeneration"] == 1
    assert status["totals"] == {
        "policies": 1,
        "queueLength": 3,
        "activeCount": 0,
        "totalEnqueued": 3,
        "totalCompleted": 0,
        "totalRejected": 0,
    }
    assert status["owner"]
    assert (status["epoch"], status["shards"]) == (1, 1)
    _, row = place.run("get", "aec", "--output=wide").splitlines()
    assert row.split()[:2] == ["executor", "False"]


def test_transitions_are_told_as_events_once(leader: OperatorReplica, place: Namespace) -> None:
    place.policy("core.echo", concurrency=1, maxQueueLength=1)
    until(lambda: place.reasons("core-echo") == ["InForce"], SOON, leader)

    assert answer(leader, "core.echo") == 201
    until(lambda: "QueueFull" in place.reasons("core-echo"), SOON, leader)
    place.run("patch", "aqp", "core-echo", "--type=merge", "--patch", '{"spec":{"maxQueueLength":100}}')
    until(lambda: "WithinLimits" in place.reasons("core-echo"), SOON, leader)

    place.run("patch", "aqp", "core-echo", "--type=merge", "--patch", '{"spec":{"maxQueueLength":1}}')
    full = until(
        lambda: next((e for e in place.events("core-echo") if e["reason"] == "QueueFull" and e.get("series")), None),
        2 * SOON,
        leader,
    )
    assert (full["type"], full["series"]["count"]) == ("Warning", 2)
    assert full["reportingComponent"] == "attune.io/operator"
    assert full["message"].startswith("Saturated is True: as many executions wait as maxQueueLength allows")
    assert "QueueFull" in place.run("describe", "aqp", "core-echo")


def test_all_that_a_policy_says_reaches_the_queue(leader: OperatorReplica, place: Namespace) -> None:
    place.policy(
        "core.echo",
        concurrency=3,
        queueTimeoutSeconds=1,
        executionTimeoutSeconds=30,
        groupBy=["host"],
        rateLimit={"maxExecutions": 5},
        priority=9,
        tags=["batch"],
        retry={"maxAttempts": 4, "delaySeconds": 2, "workerLost": "Fail"},
    )

    execution = leader.submit("core.echo", host="one").json()["data"]
    path = f"/api/v1/executions/{execution['id']}"
    until(lambda: leader.get(path)["status"] == "timeout", 10, leader)
