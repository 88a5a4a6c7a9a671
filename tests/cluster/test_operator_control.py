"""The operator against a real API server: policies bite at once, workers follow the load, replicas take over."""

import json
import time
from typing import Any

import pytest

from testbed.attune.idle_workers import IDLE_WORKERS
from testbed.attune.operators import LEASE_SECONDS, OperatorReplica, Operators, until
from testbed.attune.processes import HostProcess
from testbed.cluster import Kubectl

pytestmark = pytest.mark.usefixtures("policies_crd")

AT_ONCE = 10.0
"""Seconds, on a machine that may be busy; how long it really takes is measured in test_end_to_end."""
LONG_SECONDS = 600
QUIET_SECONDS = 6.0


class Policies:
    """kubectl on the policies and the Deployment of one namespace."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self._kubectl = kubectl
        self._namespace = namespace

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        return self._kubectl.run("--namespace", self._namespace, *arguments, stdin=stdin)

    def apply(self, name: str, **spec: Any) -> None:
        manifest = {
            "apiVersion": "attune.io/v1alpha1",
            "kind": "ActionQueuePolicy",
            "metadata": {"name": name},
            "spec": {"actionRef": "core.sleep", **spec},
        }
        self.run("apply", "--filename=-", stdin=json.dumps(manifest))

    def patch(self, name: str, **spec: Any) -> None:
        self.run("patch", "aqp", name, "--type=merge", "--patch", json.dumps({"spec": spec}))

    def delete(self, name: str) -> None:
        self.run("delete", "aqp", name)

    def get(self, name: str) -> dict[str, Any]:
        return json.loads(self.run("get", "aqp", name, "--output=json"))

    def status(self, name: str) -> dict[str, Any]:
        return self.get(name).get("status", {})

    def condition(self, name: str, kind: str) -> tuple[str, str] | None:
        conditions = self.status(name).get("conditions", [])
        return next(((c["status"], c["reason"]) for c in conditions if c["type"] == kind), None)

    def deploy(self) -> None:
        self.run("apply", "--filename=-", stdin=json.dumps(IDLE_WORKERS))

    def workers(self) -> int:
        return int(self.run("get", "deployment", "workers", "--output=jsonpath={.spec.replicas}"))


@pytest.fixture
def policies(kubectl: Kubectl, namespace: str) -> Policies:
    return Policies(kubectl, namespace)


def occupy(leader: OperatorReplica, worker: HostProcess, slots: int) -> None:
    """Have so many executions run for longer than the test takes."""
    leader.submit("core.sleep", count=slots, seconds=LONG_SECONDS)
    until(lambda: leader.queue("core.sleep")["active_count"] == slots, 20, leader, worker)


def in_force(leader: OperatorReplica, concurrency: int, action_ref: str = "core.sleep") -> bool:
    queue = leader.queue(action_ref)
    return queue is not None and queue["max_concurrent"] == concurrency


def test_created_changed_and_deleted_policies_bite_at_once(operators: Operators, policies: Policies) -> None:
    leader = operators.leader()
    assert leader.submit("core.sleep", seconds=0).status_code == 404
    operators.worker("default")

    policies.apply("sleep", concurrency=2)
    until(lambda: in_force(leader, 2), AT_ONCE, leader)
    # They run for as long as they are looked at.
    long = [each["id"] for each in leader.submit("core.sleep", count=5, seconds=LONG_SECONDS).json()["data"]]
    until(lambda: leader.queue("core.sleep")["active_count"] == 2, 20, leader)

    policies.patch("sleep", concurrency=4)
    until(lambda: in_force(leader, 4), AT_ONCE, leader)
    until(lambda: leader.queue("core.sleep")["active_count"] == 4, AT_ONCE, leader)

    policies.patch("sleep", concurrency=1)
    until(lambda: in_force(leader, 1), AT_ONCE, leader)
    assert leader.queue("core.sleep")["active_count"] == 4, "what runs is left alone"

    policies.patch("sleep", maxQueueLength=1)
    refused = until(lambda: r if (r := leader.submit("core.sleep")).status_code == 429 else None, AT_ONCE, leader)
    assert refused.json()["error"] == "Queue full (max length: 1)"
    assert "Retry-After" in refused.headers

    policies.patch("sleep", admission="Closed")
    until(lambda: leader.submit("core.sleep").status_code == 409, AT_ONCE, leader)

    policies.patch("sleep", admission="Open", maxQueueLength=100)
    until(lambda: leader.submit("core.sleep", seconds=0).status_code == 201, AT_ONCE, leader)

    policies.delete("sleep")
    until(lambda: leader.submit("core.sleep").status_code in {404, 409}, AT_ONCE, leader)
    for execution in long:
        assert leader.cancel(execution).is_success
    until(lambda: leader.queue("core.sleep")["total_completed"] == leader.queue("core.sleep")["total_enqueued"], 60)


def test_the_status_tells_how_the_queue_is(operators: Operators, policies: Policies) -> None:
    leader = operators.leader()
    policies.apply("sleep", concurrency=2, maxQueueLength=3)
    until(lambda: policies.condition("sleep", "Ready") == ("True", "InForce"), 10, leader)
    occupy(leader, operators.worker("default"), 2)

    leader.submit("core.sleep", count=4, seconds=LONG_SECONDS)
    until(lambda: policies.condition("sleep", "Saturated") == ("True", "QueueFull"), 10, leader)

    status = policies.status("sleep")
    shown = {
        name: status[name] for name in ("queueLength", "activeCount", "maxConcurrent", "totalEnqueued", "totalRejected")
    }
    assert shown == {"queueLength": 3, "activeCount": 2, "maxConcurrent": 2, "totalEnqueued": 5, "totalRejected": 1}
    assert status["observedGeneration"] == policies.get("sleep")["metadata"]["generation"]
    assert status["oldestEnqueuedAt"]


def test_an_idle_cluster_gets_no_writes(operators: Operators, policies: Policies) -> None:
    leader = operators.leader()
    policies.deploy()
    policies.apply("sleep", concurrency=2, workers={"deployment": "workers", "maxReplicas": 3})
    until(lambda: policies.condition("sleep", "Ready") == ("True", "InForce"), 10, leader)
    written, since = "", time.monotonic()

    def quiet() -> bool:
        """Whether nothing has been written for much longer than the interval between two writes."""
        nonlocal written, since
        if (version := policies.get("sleep")["metadata"]["resourceVersion"]) != written:
            written, since = version, time.monotonic()
        return time.monotonic() - since > QUIET_SECONDS

    # The last writes that follow a change come first.
    until(quiet, 4 * QUIET_SECONDS, leader)


def test_of_two_policies_for_one_action_the_older_rules(operators: Operators, policies: Policies) -> None:
    leader = operators.leader()
    policies.apply("older", concurrency=2)
    until(lambda: in_force(leader, 2), AT_ONCE, leader)
    time.sleep(1)  # creation times are kept in whole seconds
    policies.apply("newer", concurrency=9)
    until(lambda: policies.condition("newer", "Ready") == ("False", "Conflict"), 10, leader)
    assert in_force(leader, 2)

    policies.delete("older")
    until(lambda: in_force(leader, 9), AT_ONCE, leader)
    until(lambda: policies.condition("newer", "Ready") == ("True", "InForce"), 10, leader)


def test_workers_follow_the_load_and_come_back(operators: Operators, policies: Policies) -> None:
    leader = operators.leader()
    policies.deploy()
    policies.apply(
        "sleep",
        concurrency=40,
        workers={
            "deployment": "workers",
            "maxReplicas": 6,
            "bufferPercent": 0,
            "peakWindowSeconds": 60,
            "scaleDown": {"stabilizationSeconds": 3},
        },
    )
    until(lambda: in_force(leader, 40), AT_ONCE, leader)
    assert policies.workers() == 1

    leader.submit("core.sleep", count=400, seconds=1)
    until(lambda: policies.workers() == 2, AT_ONCE, leader)
    for _ in range(4):
        operators.worker("workers")
    until(lambda: policies.workers() == 4, 20, leader)
    until(lambda: policies.condition("sleep", "ScalingLimited") == ("True", "ConcurrencyLimit"), 10, leader)
    managers = json.loads(policies.run("get", "deployment", "workers", "--output=json", "--show-managed-fields"))
    assert {(entry["manager"], entry.get("subresource")) for entry in managers["metadata"]["managedFields"]} >= {
        ("attune-operator", "scale")
    }

    until(lambda: leader.queue("core.sleep")["total_completed"] == 400, 60, leader)
    until(lambda: policies.workers() == 1, 30, leader)
    ledger = until(lambda: s if (s := policies.status("sleep")["scaling"])["desired"] == 1 else None, 10, leader)
    assert (ledger["slotsPerWorker"], ledger["concurrencyCap"], ledger["maxReplicas"]) == (10, 4, 6)


@pytest.mark.parametrize(("mode", "desired"), [("Recommend", 2), ("Off", 1)])
def test_a_deployment_that_is_not_to_be_scaled_is_left_alone(
    operators: Operators, policies: Policies, mode: str, desired: int
) -> None:
    leader = operators.leader()
    policies.deploy()
    policies.apply("sleep", concurrency=20, workers={"deployment": "workers", "maxReplicas": 6, "mode": mode})
    until(lambda: in_force(leader, 20), AT_ONCE, leader)

    occupy(leader, operators.worker("workers", slots=20), 20)
    leader.submit("core.sleep", count=80, seconds=LONG_SECONDS)
    until(lambda: policies.status("sleep").get("activeCount") == 20, 10, leader)

    assert policies.status("sleep")["workers"]["desired"] == desired
    assert policies.workers() == 1


def test_a_standby_takes_over_at_once_from_a_leader_that_is_stopped(operators: Operators, policies: Policies) -> None:
    leader = operators.leader()
    policies.apply("sleep", concurrency=2)
    until(lambda: in_force(leader, 2), AT_ONCE, leader)
    occupy(leader, operators.worker("default"), 2)
    leader.submit("core.sleep", count=3, seconds=LONG_SECONDS)
    standby = operators.replica()
    assert not standby.leads()

    assert leader.stop() == 0
    assert "lease released" in leader.log()
    until(standby.leads, LEASE_SECONDS + 10, standby)

    queue = standby.queue("core.sleep")
    assert (queue["queue_length"], queue["active_count"], queue["total_enqueued"]) == (3, 2, 5)


def test_a_standby_takes_over_from_a_leader_that_is_killed(operators: Operators, policies: Policies) -> None:
    leader = operators.leader()
    policies.apply("sleep", concurrency=2)
    until(lambda: in_force(leader, 2), AT_ONCE, leader)
    occupy(leader, operators.worker("default"), 2)
    leader.submit("core.sleep", count=3, seconds=LONG_SECONDS)
    standby = operators.replica()

    leader.kill()
    until(standby.leads, LEASE_SECONDS + 15, standby)

    assert standby.queue("core.sleep")["queue_length"] == 3
    policies.patch("sleep", concurrency=3)
    until(lambda: in_force(standby, 3), AT_ONCE, standby)


def test_the_queues_go_on_while_the_api_server_is_away(operators: Operators, policies: Policies) -> None:
    leader = operators.leader()
    policies.apply("sleep", concurrency=2)
    until(lambda: in_force(leader, 2), AT_ONCE, leader)
    operators.worker("default")
    # A caller that is known may go on; nobody can look up another.
    assert leader.submit("core.sleep", seconds=0).status_code == 201

    operators.api.cut()
    time.sleep(LEASE_SECONDS + 4)
    policies.patch("sleep", concurrency=5)
    assert leader.submit("core.sleep", count=20, seconds=0.1).status_code == 201
    until(lambda: leader.queue("core.sleep")["total_completed"] == 21, 20, leader)
    assert in_force(leader, 2)

    operators.api.mend()
    until(lambda: in_force(leader, 5), 40, leader)
    policies.patch("sleep", concurrency=7)
    until(lambda: in_force(leader, 7), 40, leader)
    policies.patch("sleep", concurrency=8)
    until(lambda: in_force(leader, 8), AT_ONCE, leader)  # watched again, not listed


def test_a_leader_that_was_paused_for_too_long_ends_at_once(operators: Operators, policies: Policies) -> None:
    leader = operators.leader()
    policies.apply("sleep", concurrency=2)
    standby = operators.replica()

    leader.pause()
    until(standby.leads, LEASE_SECONDS + 15, standby)
    leader.resume()

    until(lambda: not leader.running, AT_ONCE, leader)
    assert standby.leads()
    until(lambda: in_force(standby, 2), AT_ONCE, standby)
