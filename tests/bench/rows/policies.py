"""Row (g): an operator with very many policies on a real API server. What it takes at rest, how soon a change is in
force, and how old statuses are while every queue is busy.

The operator reaches the API server through a gate that counts its requests; so it does not meet them in any other
process's figures. Its Deployment has no pods: one worker runs beside it as a process.
"""

import asyncio
import itertools
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from attune_executor.adapters.postgres.migration import migrate
from attune_operator.crds import CRD_DIRECTORY
from attune_operator.settings import OperatorSettings
from bench.actions import install, noop_ref
from bench.cpu import metered
from bench.ground import Ground
from bench.intake import submit
from bench.results import Figure, Goal, Measurement
from bench.rows.row import Bench, by_part, percentile
from bench.system import TESTS
from testbed.attune.api_gate import ApiGate, Seen
from testbed.attune.idle_workers import IDLE_WORKERS
from testbed.attune.operators import OperatorReplica, Operators, until
from testbed.cluster import Kubectl
from testbed.cluster.choice import choose_provider
from testbed.cluster.fixtures import fresh_namespace
from testbed.progress import Step

_DEPLOYMENT: Final = "load"
_SLOTS: Final = 100
_CHUNK: Final = 100
_DEFAULT_LEASE: Final = {
    f"{name}_seconds": str(OperatorSettings.model_fields[f"{name}_seconds"].default)
    for name in ("lease_duration", "renew_deadline", "retry")
}
"""Tests hurry."""
_QUIET_SECONDS: Final = 5.0
_PATIENCE_SECONDS: Final = 600.0
_BATCHES_A_SECOND: Final = 2
_NOTE: Final = (
    "one operator as a process, policies with workers in one Deployment without pods; at rest: after the last status is"
    " written, all requests through a counting gate, the lease's apart; change: from the answer to a PATCH of"
    " concurrency until the executor's API shows it; under load: two executions a second in every queue, age of"
    " status.lastUpdated of every policy at one moment"
)


class Policies:
    """Very many policies, at rest and busy."""

    key = "g"
    title = "operator with very many policies"

    def measure(self, ground: Ground, bench: Bench, step: Step) -> Measurement:
        """Memory, processor and requests at rest; seconds from a change to its effect; age of statuses under load."""
        provider = choose_provider()
        was_running = provider.status().running
        provider.up()
        try:
            return self._measure(provider.kubectl(), ground, bench, step)
        finally:
            if not was_running:
                provider.down()

    def _measure(self, kubectl: Kubectl, ground: Ground, bench: Bench, step: Step) -> Measurement:
        count = bench.size.policies
        asyncio.run(migrate(ground.database_url))
        kubectl.run("apply", "--kustomize", str(CRD_DIRECTORY))
        with (
            fresh_namespace(kubectl) as namespace,
            ApiGate(kubectl) as gate,
            Operators(ground.folder, kubectl, namespace, ground.database_url, ground.amqp_url) as operators,
            httpx.Client(base_url=gate.url, timeout=60) as api,
        ):
            operators.through(gate, **_DEFAULT_LEASE)
            leader = operators.leader()
            policies = _Policies(api, namespace, count)
            declared = self._declare(kubectl, policies, leader, step)
            _until_quiet(gate)
            roots = {"operator": psutil.Process(leader.pid), **ground.processes}
            resident = roots["operator"].memory_info().rss / 1e6
            seconds = bench.size.rest_seconds
            begins = time.monotonic()
            with metered(roots) as rest:
                time.sleep(seconds)
            asked = [seen for seen in gate.since(begins) if not _of_the_lease(seen) and _by_the_operator(seen)]
            writes = [seen for seen in asked if seen.method not in {"GET", "HEAD"}]
            effects = self._change(policies, leader, bench.size.policy_changes)
            operators.worker(_DEPLOYMENT, _SLOTS, **_with_our_actions(ground.folder))
            loaded = time.monotonic()
            with metered(roots) as load:
                ages = self._load(policies, leader, bench.size.rest_seconds)
            told = [seen for seen in gate.since(loaded) if seen.method == "PATCH" and seen.path.endswith("/status")]
            busy_resident = roots["operator"].memory_info().rss / 1e6
        return Measurement(
            self.key,
            "Attune",
            f"operator with {count:,} policies",
            [
                Figure("all in force and told", declared, "s"),
                Figure("resident at rest", resident, "MB", Goal(at_most=250)),
                Figure("processor at rest", rest["operator"] / seconds * 100, "% of one"),
                Figure("writes at rest", len(writes) / seconds * 60, "a minute", Goal(at_most=0)),
                Figure("other requests at rest", (len(asked) - len(writes)) / seconds * 60, "a minute"),
                Figure("change to effect, p50", percentile(effects, 50), "s"),
                Figure("change to effect, p99", percentile(effects, 99), "s", Goal(at_most=1)),
                Figure("status writes under load", len(told) / seconds, "a second"),
                Figure("status age under load, p50", percentile(ages, 50), "s"),
                Figure("status age under load, p99", percentile(ages, 99), "s"),
                Figure("resident under load", busy_resident, "MB"),
                Figure("processor under load", load["operator"] / seconds * 100, "% of one"),
            ],
            _NOTE,
            by_part(rest),
        )

    def _declare(self, kubectl: Kubectl, policies: "_Policies", leader: OperatorReplica, step: Step) -> float:
        """Seconds until every policy is in force and its status says so."""
        kubectl.apply([{**IDLE_WORKERS, "metadata": {"name": _DEPLOYMENT, "namespace": policies.namespace}}])
        started = time.monotonic()
        for chunk in policies.manifests():
            kubectl.apply(chunk)

        def told() -> bool:
            done = sum("observedGeneration" in policy.get("status", {}) for policy in policies.read())
            step.advance(done, policies.count, "policies told")
            return done == policies.count

        until(told, _PATIENCE_SECONDS, leader)
        return time.monotonic() - started

    def _change(self, policies: "_Policies", leader: OperatorReplica, changes: int) -> list[float]:
        seconds: list[float] = []
        for number in range(0, policies.count, max(1, policies.count // changes)):
            ref, wanted = noop_ref(number), 20 + number % 7
            policies.patch(number, {"spec": {"concurrency": wanted}})
            patched = time.monotonic()
            until(
                lambda ref=ref, wanted=wanted: leader.queue(ref)["max_concurrent"] == wanted, _PATIENCE_SECONDS, leader
            )
            seconds.append(time.monotonic() - patched)
        return seconds

    def _load(self, policies: "_Policies", leader: OperatorReplica, seconds: float) -> list[float]:
        ends = time.monotonic() + seconds
        headers = leader.headers
        for turn in itertools.count(1):
            submit(leader.url, policies.executions(), connections=1, headers=headers)
            if time.monotonic() >= ends:
                break
            time.sleep(max(0.0, ends - seconds + turn / _BATCHES_A_SECOND - time.monotonic()))
        now = datetime.now(UTC)
        return [
            (now - datetime.fromisoformat(policy["status"]["lastUpdated"])).total_seconds()
            for policy in policies.read()
            if "lastUpdated" in policy.get("status", {})
        ]


class _Policies:
    """The policies of one namespace, one to a queue of the benchmark's no-op."""

    def __init__(self, api: httpx.Client, namespace: str, count: int) -> None:
        self._api = api
        self._path = f"/apis/attune.io/v1alpha1/namespaces/{namespace}/actionqueuepolicies"
        self.namespace = namespace
        self.count = count

    def manifests(self) -> Iterator[Sequence[Mapping[str, Any]]]:
        """All of them, in chunks."""
        for first in range(0, self.count, _CHUNK):
            yield [self._manifest(number) for number in range(first, min(first + _CHUNK, self.count))]

    def read(self) -> Sequence[Mapping[str, Any]]:
        """All of them, as they are."""
        return self._api.get(self._path).raise_for_status().json()["items"]

    def patch(self, number: int, change: Mapping[str, Any]) -> None:
        """Merge a change into one."""
        content_type = {"Content-Type": "application/merge-patch+json"}
        self._api.patch(f"{self._path}/{_name(number)}", json=change, headers=content_type).raise_for_status()

    def executions(self) -> Iterator[dict[str, Any]]:
        """One for each queue."""
        return ({"action_ref": noop_ref(number), "parameters": {}} for number in range(self.count))

    def _manifest(self, number: int) -> Mapping[str, Any]:
        return {
            "apiVersion": "attune.io/v1alpha1",
            "kind": "ActionQueuePolicy",
            "metadata": {"name": _name(number), "namespace": self.namespace},
            "spec": {
                "actionRef": noop_ref(number),
                "concurrency": 10,
                "workers": {"deployment": _DEPLOYMENT, "maxReplicas": 20, "slotsPerWorker": _SLOTS},
            },
        }


def _name(number: int) -> str:
    return f"bench-{number:05}"


def _with_our_actions(folder: Path) -> Mapping[str, str]:
    pack = folder / "pack"
    pack.mkdir()
    install(pack)
    return {"PYTHONPATH": os.pathsep.join([str(pack), str(TESTS)])}


def _until_quiet(gate: ApiGate) -> None:
    """Return once the operator has written nothing for a while."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while any(
        seen.method not in {"GET", "HEAD"} and _by_the_operator(seen) and not _of_the_lease(seen)
        for seen in gate.since(time.monotonic() - _QUIET_SECONDS)
    ):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the operator still writes after {_PATIENCE_SECONDS:g} s")
        time.sleep(_QUIET_SECONDS / 5)


def _of_the_lease(seen: Seen) -> bool:
    return "/leases" in seen.path


def _by_the_operator(seen: Seen) -> bool:
    return not seen.agent.startswith("python-httpx")
