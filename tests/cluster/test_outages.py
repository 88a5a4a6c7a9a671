"""An API server that is away, busy, forgetful or of another opinion is ridden out, and never asked in a hot loop."""

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from testbed.attune.api_gate import Answer, ApiGate, Seen, conflict, ended, gone, throttled, unavailable
from testbed.attune.operators import OperatorReplica, Operators, until
from testbed.cluster import Kubectl

pytestmark = pytest.mark.usefixtures("policies_crd")

OUTAGE_SECONDS = 8.0


@pytest.fixture
def gate(kubectl: Kubectl) -> Iterator[ApiGate]:
    with ApiGate(kubectl) as gate:
        yield gate


@pytest.fixture
def leader(
    tmp_path: Path, kubectl: Kubectl, namespace: str, gate: ApiGate, migrated_url: str, amqp_url: str
) -> Iterator[OperatorReplica]:
    """A leader that reaches the API server through the gate, with the policy `sleep` in force."""
    with Operators(tmp_path, kubectl, namespace, migrated_url, amqp_url) as operators:
        operators.through(gate)
        leader = operators.leader()
        limit(kubectl, namespace, 2)
        until(lambda: in_force(leader, 2), 60, leader)
        yield leader


def limit(kubectl: Kubectl, namespace: str, concurrency: int) -> None:
    manifest: dict[str, Any] = {
        "apiVersion": "attune.io/v1alpha1",
        "kind": "ActionQueuePolicy",
        "metadata": {"name": "sleep", "namespace": namespace},
        "spec": {"actionRef": "core.sleep", "concurrency": concurrency},
    }
    kubectl.run("apply", "--filename=-", stdin=json.dumps(manifest))


def in_force(leader: OperatorReplica, concurrency: int) -> bool:
    queue = leader.queue("core.sleep")
    return queue is not None and queue["max_concurrent"] == concurrency


def status_generation(kubectl: Kubectl, namespace: str) -> int:
    found = kubectl.get("aqp", "sleep", "--namespace", namespace)
    return found.get("status", {}).get("observedGeneration", 0)


def lease(kubectl: Kubectl, namespace: str) -> dict[str, str]:
    return kubectl.get("lease", "attune-operator", "--namespace", namespace)["spec"]


def during(gate: ApiGate, seconds: float = OUTAGE_SECONDS) -> list[Seen]:
    """The requests of so many seconds from now on."""
    started = time.monotonic()
    time.sleep(seconds)
    return gate.since(started)


def policies_asked(gate: ApiGate, since: float) -> list[Seen]:
    """The questions for policies that the operator's watcher has asked from then on."""
    return [seen for seen in gate.since(since) if seen.path.endswith("/actionqueuepolicies") and "kopf" in seen.agent]


def of_watches(answer: Answer) -> Any:
    def fault(request: web.Request) -> Answer | None:
        return answer if "watch" in request.query else None

    return fault


def test_an_api_server_that_is_away_is_not_asked_all_the_time(
    gate: ApiGate, leader: OperatorReplica, kubectl: Kubectl, namespace: str
) -> None:
    gate.fault = lambda _request: unavailable
    gate.drop_watches()
    asked = during(gate, 2 * OUTAGE_SECONDS)

    # Twice a second for the lease, for some seconds once a second for each status, and kopf ever more seldom.
    assert len(asked) < 5 * 2 * OUTAGE_SECONDS, asked
    until(leader.leads, 60, leader)

    gate.fault = None
    limit(kubectl, namespace, 3)
    until(lambda: in_force(leader, 3), 60, leader)
    until(lambda: status_generation(kubectl, namespace) == 2, 60, leader)


def test_a_busy_api_server_is_left_alone_for_as_long_as_it_says(
    gate: ApiGate, leader: OperatorReplica, kubectl: Kubectl, namespace: str
) -> None:
    gate.fault = lambda request: throttled if "kopf" not in request.headers.get("User-Agent", "") else None
    limit(kubectl, namespace, 3)
    asked = [seen for seen in during(gate) if "kopf" not in seen.agent]
    gate.fault = None

    answered = [seen.at for seen in asked if seen.status == 429]
    assert answered, "the test has not come to what it is about"
    # What was on its way when the first was answered comes in the same moment; the next round two seconds later.
    rounds = [at for before, at in zip([0.0, *answered], answered, strict=False) if at - before > 1]
    pauses = [after - before for before, after in pairwise(rounds)]
    assert len(pauses) >= 2, rounds
    assert min(pauses) >= 1.9, pauses
    assert len(answered) <= 3 * len(rounds), answered
    assert in_force(leader, 3), "what comes by the watch counts all the same"
    until(lambda: status_generation(kubectl, namespace) == 2, 60, leader)


@pytest.mark.parametrize("answer", [gone, ended], ids=["410 Gone", "ended at once"])
def test_watches_that_fail_begin_again_at_a_pace(
    gate: ApiGate, leader: OperatorReplica, kubectl: Kubectl, namespace: str, answer: Answer
) -> None:
    gate.fault = of_watches(answer)
    gate.drop_watches()
    asked = [seen for seen in during(gate) if "kopf" in seen.agent]

    watches = [seen for seen in asked if seen.watch]
    kinds = {seen.path for seen in watches}
    assert len(kinds) >= 2, asked
    for kind in kinds:
        times = [seen.at for seen in watches if seen.path == kind]
        assert min(after - before for before, after in pairwise(times)) > 0.8
    assert len(asked) <= 2 * len(kinds) * (OUTAGE_SECONDS + 1)

    mended = time.monotonic()
    gate.fault = None
    limit(kubectl, namespace, 3)
    until(lambda: in_force(leader, 3), 60, leader)
    until(lambda: any(seen.watch and seen.status == 200 for seen in policies_asked(gate, mended)), 60, leader)
    watched = time.monotonic()
    limit(kubectl, namespace, 4)
    until(lambda: in_force(leader, 4), 60, leader)
    assert all(seen.watch for seen in policies_asked(gate, watched)), "watched again, not listed"


def test_a_change_that_a_watch_has_missed_is_made_good(
    gate: ApiGate, leader: OperatorReplica, kubectl: Kubectl, namespace: str
) -> None:
    gate.fault = of_watches(unavailable)
    gate.drop_watches()
    limit(kubectl, namespace, 3)
    gate.fault = None

    until(lambda: in_force(leader, 3), 60, leader)


def test_a_lease_that_somebody_else_has_written_is_kept(
    gate: ApiGate, leader: OperatorReplica, kubectl: Kubectl, namespace: str
) -> None:
    refused = 0

    def twice(request: web.Request) -> Answer | None:
        nonlocal refused
        if request.method == "PUT" and "/leases/" in request.path and refused < 2:
            refused += 1
            return conflict
        return None

    before = lease(kubectl, namespace)
    gate.fault = twice
    until(lambda: refused == 2, 60, leader)
    refused_at = lease(kubectl, namespace)["renewTime"]
    until(lambda: lease(kubectl, namespace)["renewTime"] > refused_at, 60, leader)

    assert lease(kubectl, namespace)["holderIdentity"] == before["holderIdentity"]
    until(leader.leads, 60, leader)
    limit(kubectl, namespace, 3)
    until(lambda: in_force(leader, 3), 60, leader)
