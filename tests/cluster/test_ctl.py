"""`attune` against a real API server: what an SRE does in an incident, with a kubeconfig alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from attune_executor.domain.maintenance import Task
from testbed.attune.attune_program import Attune, apply_policy
from testbed.attune.callers import EVERYTHING, caller_token
from testbed.attune.cluster_view import ClusterView
from testbed.attune.operators import OperatorReplica, Operators, until
from testbed.attune.warm_attune import WarmAttune
from testbed.cluster import Kubectl

pytestmark = pytest.mark.usefixtures("policies_crd")

CALLER = "attune-caller"
SOON = 20.0


@pytest.fixture
def leader(
    tmp_path: Path, kubectl: Kubectl, namespace: str, migrated_url: str, amqp_url: str
) -> Iterator[OperatorReplica]:
    """A leader with a worker and a policy `echo` for core.echo."""
    with Operators(tmp_path, kubectl, namespace, migrated_url, amqp_url) as operators:
        leader = operators.leader()
        operators.worker("default", slots=2)
        apply_policy(kubectl, namespace, "echo", "core.echo")
        until(lambda: workers_of(leader), SOON, leader)
        yield leader


def workers_of(leader: OperatorReplica) -> list[str]:
    """Who has announced itself: before that nothing starts, so that fewer are accepted."""
    (shard,) = leader.get("/api/v1/health")["shards"]
    return [worker["name"] for pool in shard["pools"] for worker in pool["workers"]]


@pytest.fixture
def program(kubectl: Kubectl, namespace: str, leader: OperatorReplica) -> Attune:
    return WarmAttune(kubectl, namespace, {"ATTUNE_SERVER": leader.url, "ATTUNE_SERVICE_ACCOUNT": CALLER})


def test_executions_are_submitted_seen_through_held_and_cancelled(program: Attune, leader: OperatorReplica) -> None:
    done = program.document("submit", "core.echo", "--param=message=hello", "--count=3", "--wait", "--timeout=50")
    assert [(each["status"], each["parameters"]) for each in done] == [("succeeded", {"message": "hello"})] * 3
    assert program.document("get", str(done[0]["id"])) == done[0]
    listed = program.document("list", "core.echo", "--status=succeeded", "--limit=2")
    assert [each["id"] for each in listed["executions"]] == [done[2]["id"], done[1]["id"]]
    assert program.document("list", f"--after={listed['next']}")["executions"][0]["id"] == done[0]["id"]

    assert program.says("pause", "core.echo").endswith(": paused\n")
    assert program.says("pause", "echo").endswith(": paused already\n")
    held = program.document("submit", "core.echo")
    assert (held["status"], held["queue_position"]) == ("requested", 1)
    late = program.run("submit", "core.echo", "--wait", "--timeout=1")
    assert (late.returncode, late.stdout.split()[-8:][2]) == (4, "requested")

    until(lambda: program.run("check", "--warning=2").returncode == 1, SOON, leader)
    assert program.run("check", "--warning=2").stdout == "WARNING: Max queue depth 2 >= 2\n"
    assert program.run("check", "--critical=2").stdout == "CRITICAL: Max queue depth 2 >= 2\n"
    assert program.says("check") == "OK: Max queue depth 2\n"
    (queue,) = program.document("status")["queues"]
    assert (queue["action"], queue["queue_length"], queue["admission"]) == ("core.echo", 2, "Hold")
    assert "paused" in program.says("status")

    assert program.document("cancel", str(held["id"]))["status"] == "cancelled"
    again = program.run("cancel", str(held["id"]))
    assert (again.returncode, "has ended before" in again.stderr) == (1, True)
    assert program.says("resume", "echo").endswith(": resumed\n")
    until(lambda: leader.queue("core.echo")["queue_length"] == 0, SOON, leader)


def test_what_is_stuck_is_found_completed_and_what_waits_behind_it_purged(
    program: Attune, kubectl: Kubectl, namespace: str
) -> None:
    apply_policy(kubectl, namespace, "sleep", "core.sleep", maxQueueLength=5)
    partly = program.run("submit", "core.sleep", "--param=seconds=120", "--count=9", "--output=json")
    accepted = [each["id"] for each in json.loads(partly.stdout)]
    assert (partly.returncode, len(accepted)) == (1, 6)
    assert partly.stderr.rstrip().endswith("attune get " + " ".join(map(str, accepted)))
    stuck, *waiting = accepted
    until(lambda: program.document("get", str(stuck))["status"] == "running", SOON)

    assert "No execution is silent for 10 minutes." in program.says("stuck", "sleep")
    (found,) = program.document("stuck", "core.sleep", "--minutes=0")["executions"]
    assert (found["id"], found["mend"]) == (stuck, f"attune complete --force {stuck}")
    assert found["mend"] in program.says("stuck", "--minutes=0")
    silent = program.run("stuck", "--server=http://127.0.0.1:9")
    assert (silent.returncode, "No queue stands still" in silent.stdout) == (0, True)
    assert "cannot be told" in silent.stderr

    force = ("complete", "--force", str(stuck))
    assert (program.run(*force).returncode, program.run("complete", str(stuck)).returncode) == (2, 2)
    assert program.document(*force, "--dry-run")["status"] == "running"
    assert program.says("pause", "sleep").endswith(": paused\n")
    completed = program.document(*force, "--error=its disk is full", "--yes")
    assert (completed["status"], completed["result"]) == ("failed", {"error": "its disk is full"})
    again = program.run(*force, "--yes")
    assert (again.returncode, "has ended before" in again.stderr) == (1, True)

    plan = program.says("purge", "core.sleep", "--dry-run")
    assert plan.startswith("5 executions wait for core.sleep; what runs (0) is left alone.")
    assert (f"The oldest: {waiting[0]}," in plan, f"The newest: {waiting[-1]}," in plan) == (True, True)
    assert plan.endswith("It is paused: nothing starts meanwhile. Afterwards: attune resume core.sleep\n")
    assert program.run("purge", "core.sleep").returncode == 2
    assert program.says("purge", "core.sleep", "--yes").endswith("Cancelled 5 executions.\n")
    assert {each["status"] for each in program.document("get", *map(str, waiting))} == {"cancelled"}
    assert program.document("purge", "core.sleep", "--yes")["cancelled"] == 0


def test_what_is_measured_is_shown_and_maintenance_is_run(program: Attune) -> None:
    program.document("submit", "core.echo", "--count=3", "--wait", "--timeout=50")
    (echo,) = program.document("throughput", "core.echo")["actions"]
    assert (echo["total_enqueued"], echo["total_completed"], echo["last_5_minutes"]["succeeded"]) == (3, 3, 3)
    assert sum(minute["accepted"] for minute in echo["minutes"]) == 3
    assert "By the minute" in program.says("throughput", "echo")
    assert program.document("throughput")["actions"][0]["last_hour"] == echo["last_hour"]

    assert {task["task"]: task["enabled"] for task in program.document("maintenance")} == {
        task.value: True for task in Task
    }
    said = program.says("maintenance", "run", "--all")
    assert [line.split(":")[0] for line in said.splitlines()] == [task.value for task in Task]
    grown = program.document("growth", "core.echo", "--by-day")["core.echo"]
    assert (grown["days"], grown["so_far"]["executions"]) == ([], 3)
    assert set(program.document("growth")) == {"snapshot_time", "queues"}
    assert program.says("report").count("===") == 6
    assert "clean-queue-stats" in program.says("report", "weekly")
    monthly = program.document("report", "monthly")
    assert [each["action"] for each in monthly["capacity"]] == ["core.echo"]
    unknown = program.run("maintenance", "run", "defragment")
    assert (unknown.returncode, "snapshot-queues" in unknown.stderr) == (1, True)

    silent = program.run("throughput", "--server=http://127.0.0.1:9")
    assert (silent.returncode, "core.echo" in silent.stdout) == (0, True)
    assert "policies' statuses alone" in silent.stderr


def test_emergency_mode_is_shown_turned_on_and_undone(
    program: Attune, kubectl: Kubectl, namespace: str, leader: OperatorReplica
) -> None:
    on = ("emergency", "on", "--close-below-priority=6", "--rate-limit=500")
    unasked = program.run(*on)
    assert (unasked.returncode, "--yes" in unasked.stderr) == (2, True)
    plan = program.document(*on, "--dry-run")
    assert plan["effects"][0]["closed"] == {"before": False, "after": True}
    assert kubectl.run("get", "aec", f"--namespace={namespace}", "--output=name") == ""

    assert program.says(*on, "--yes").endswith("Emergency mode is on.\n")
    refused = program.run("submit", "core.echo")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "emergency" in refused.stderr
    assert "500 requests a minute" in program.says("status")
    assert "nothing changes" in program.says(*on, "--yes")

    assert "will be deleted" in program.says("emergency", "off", "--yes")
    assert kubectl.run("get", "aec", f"--namespace={namespace}", "--output=name") == ""
    until(lambda: program.run("submit", "core.echo").returncode == 0, SOON, leader)


def test_the_kubeconfigs_own_token_is_shown_where_it_has_one(
    program: Attune, tmp_path: Path, kubectl: Kubectl, namespace: str, leader: OperatorReplica
) -> None:
    accepted = program.document("submit", "core.echo")
    nobody = Attune(kubectl, namespace, {"ATTUNE_SERVER": leader.url})
    done = nobody.run("get", str(accepted["id"]))
    if done.returncode == 2:
        # This cluster's kubeconfig has a client certificate.
        assert "--service-account" in done.stderr
    config = json.loads(kubectl.run("config", "view", "--minify", "--raw", "--flatten", "--output=json"))
    config["users"][0]["user"] = {"token": caller_token(kubectl, namespace, "sre", (EVERYTHING,))}
    kubeconfig = tmp_path / "sre"
    kubeconfig.write_text(json.dumps(config))
    sre = Attune(Kubectl(kubectl.program, kubeconfig), namespace, {"ATTUNE_SERVER": leader.url})
    assert sre.document("get", str(accepted["id"]))["action_ref"] == "core.echo"
    forbidden = sre.run("status")
    assert (forbidden.returncode, "forbidden" in forbidden.stderr) == (1, True)
    assert sre.run("check").stdout.startswith("UNKNOWN: ")


@pytest.mark.timeout(1800)
def test_the_executor_in_a_pod_is_reached_through_the_kubernetes_api(attune: ClusterView) -> None:
    kubectl, namespace = attune.kubectl, attune.namespace
    caller_token(kubectl, namespace, CALLER)
    program = Attune(kubectl, namespace, {"ATTUNE_SERVICE_ACCOUNT": CALLER})
    # Nothing is started, so that the workers have no part in it.
    apply_policy(kubectl, namespace, "ctl", "core.ctl", admission="Hold")
    try:
        held = program.document("submit", "core.ctl")
        assert held["status"] == "requested"
        assert program.document("get", str(held["id"]))["id"] == held["id"]
        assert program.document("cancel", str(held["id"]))["status"] == "cancelled"
    finally:
        kubectl.run("delete", "aqp", "ctl", f"--namespace={namespace}")
