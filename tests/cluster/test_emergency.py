"""Emergency mode under overload: in force within seconds of the command, and gone without a trace within seconds."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from testbed.attune.attune_program import Attune, apply_policy
from testbed.attune.operators import OperatorReplica, Operators, until
from testbed.cluster import Kubectl

pytestmark = pytest.mark.usefixtures("policies_crd")

SOON = 30.0
PROMISED = 5.0
"""Seconds after a command has returned in which what it says is seen by callers."""
CRITICAL, LOW, BATCH = "core.sleep", "core.shell", "core.echo"
OWN_LIMIT, DEFAULT_LIMIT, EMERGENCY_LIMIT = 5, 7, 40
PER_MINUTE = 20
CONFIG: dict[str, Any] = {
    "apiVersion": "attune.io/v1alpha1",
    "kind": "ExecutorConfig",
    "metadata": {"name": "executor", "labels": {"team": "sre"}, "annotations": {"example.org/note": "ours"}},
    "spec": {
        "queue": {"maxQueueLength": DEFAULT_LIMIT},
        "apiRateLimit": {"enabled": False, "maxRequestsPerMinute": 900},
        "emergency": {"closeTags": ["never-used"]},
    },
}
ON = (
    "emergency",
    "on",
    f"--max-queue-length={EMERGENCY_LIMIT}",
    "--close-below-priority=5",
    "--close-tag=batch",
    f"--rate-limit={PER_MINUTE}",
    "--yes",
)


class Overload:
    """Three actions whose queues are full, and what callers and an SRE see of them."""

    def __init__(self, kubectl: Kubectl, namespace: str, leader: OperatorReplica) -> None:
        self.kubectl = kubectl
        self.namespace = namespace
        self.leader = leader

    def answer(self, action: str) -> tuple[int, str, str]:
        """Status, code and text of a submission."""
        return outcome(self.leader.submit(action))

    def objects(self, kind: str) -> list[dict[str, Any]]:
        return json.loads(self.kubectl.run("get", kind, f"--namespace={self.namespace}", "--output=json"))["items"]

    def written(self) -> list[Any]:
        """What people have written: nothing that Kubernetes counts or notes by itself."""
        kept = ("name", "namespace", "labels", "annotations", "finalizers", "uid")
        return [
            ({name: item["metadata"].get(name) for name in kept}, item["spec"])
            for kind in ("aec", "aqp")
            for item in self.objects(kind)
        ]

    def effective(self) -> list[Any]:
        """What the statuses say is in force, and why: no moments and no counts."""
        return [
            (
                item["metadata"]["name"],
                {name: item["status"].get(name) for name in ("maxQueueLength", "maxConcurrent", "requestsPerMinute")},
                [
                    (each["type"], each["status"], each["reason"], each["message"])
                    for each in item["status"]["conditions"]
                    if each["type"] in {"Ready", "EmergencyMode"}
                ],
            )
            for kind in ("aec", "aqp")
            for item in self.objects(kind)
        ]

    def answers(self) -> dict[str, tuple[int, str, str]]:
        return {action: self.answer(action) for action in (CRITICAL, LOW, BATCH)}


def outcome(response: httpx.Response) -> tuple[int, str, str]:
    """Status, code and text of the answer to one execution."""
    body = response.json()
    return response.status_code, body.get("code", ""), body.get("error", "")


def full(limit: int) -> tuple[int, str, str]:
    return 429, "queue_full", f"Queue full (max length: {limit})"


@pytest.fixture
def overload(operators: Operators, kubectl: Kubectl, namespace: str) -> Overload:
    """A leader with an ExecutorConfig of its own, one worker that is busy for long, and three queues without room."""
    kubectl.apply([{**CONFIG, "metadata": {**CONFIG["metadata"], "namespace": namespace}}])
    leader = operators.leader()
    operators.worker("default", slots=1)
    apply_policy(kubectl, namespace, "critical", CRITICAL, priority=9)
    apply_policy(kubectl, namespace, "low", LOW, priority=2, maxQueueLength=OWN_LIMIT)
    apply_policy(kubectl, namespace, "batch", BATCH, priority=9, tags=["batch"])
    # The only slot is taken for as long as the test lasts: nothing leaves a queue, so that what is refused is certain.
    leader.submit(CRITICAL, seconds=600).raise_for_status()
    until(lambda: leader.queue(CRITICAL)["active_count"] == 1, SOON, leader)
    seen = Overload(kubectl, namespace, leader)
    for action in (CRITICAL, LOW, BATCH):
        until(lambda action=action: seen.answer(action)[1] == "queue_full", SOON, leader)
    return seen


def report(verb: str, measured: dict[str, float]) -> None:
    seconds = ", ".join(f"{name} {took:.2f} s" for name, took in measured.items())
    sys.stdout.write(f"\nafter the end of `emergency {verb}`: {seconds}\n")


def seconds_until(look: Callable[[], bool], leader: OperatorReplica, since: float) -> float:
    until(look, PROMISED, leader)
    return time.monotonic() - since


def test_emergency_mode_is_in_force_and_undone_within_seconds(
    overload: Overload, kubectl: Kubectl, namespace: str
) -> None:
    leader = overload.leader
    program = Attune(kubectl, namespace, {})
    written, effective, answers = overload.written(), overload.effective(), overload.answers()
    assert answers == {CRITICAL: full(DEFAULT_LIMIT), LOW: full(OWN_LIMIT), BATCH: full(DEFAULT_LIMIT)}

    assert program.says(*ON).endswith("Emergency mode is on.\n")
    returned = time.monotonic()
    # The order matters: the last of them uses up what the API takes in a minute.
    closed = (409, "action_disabled")
    measured = {
        "closed by priority": seconds_until(lambda: overload.answer(LOW)[:2] == closed, leader, returned),
        "closed by tag": seconds_until(lambda: overload.answer(BATCH)[:2] == closed, leader, returned),
        "longer queue": seconds_until(lambda: overload.answer(CRITICAL)[0] == 201, leader, returned),
    }
    # One more than before was just accepted.
    room = EMERGENCY_LIMIT - DEFAULT_LIMIT - 1
    many = leader.submit(CRITICAL, room + 10, seconds=1).json()["data"]
    assert ["id" in each for each in many] == [True] * room + [False] * 10
    assert many[-1]["error"] == full(EMERGENCY_LIMIT)[2]
    measured["rate limit"] = seconds_until(lambda: overload.answer(CRITICAL)[1] == "rate_limited", leader, returned)
    assert max(measured.values()) < PROMISED
    report("on", measured)
    assert overload.written() != written

    assert "apiRateLimit" in program.says("emergency", "off", "--yes")
    returned = time.monotonic()
    measured = {
        "answers": seconds_until(lambda: overload.answers() == answers, leader, returned),
        "objects": seconds_until(lambda: overload.written() == written, leader, returned),
        "statuses": seconds_until(lambda: overload.effective() == effective, leader, returned),
    }
    assert max(measured.values()) < PROMISED
    report("off", measured)
    # No limit of the API is left over: more than it would have taken in a minute is answered as before.
    assert {overload.answer(CRITICAL) for _ in range(2 * PER_MINUTE)} == {full(DEFAULT_LIMIT)}
    # What was accepted in the emergency stays accepted.
    assert leader.queue(CRITICAL)["queue_length"] == EMERGENCY_LIMIT
