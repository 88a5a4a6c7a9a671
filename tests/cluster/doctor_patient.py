"""A healthy Attune with workers of its own, to be made ill: what the faults of `test_doctor` are injected into."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from testbed.attune.attune_program import Attune
from testbed.attune.cluster_view import LEASE, OPERATOR, WORKERS, ClusterView

DEPLOYMENT = "doctor-workers"
SLOTS = 4
SLEEP, ECHO = "core.sleep", "core.echo"
_PID_FILE = "/tmp/worker.pid"  # noqa: S108 - the pod's own
_LOOK_SECONDS = 0.5
_CHANGE_SECONDS = 60.0
_RENEWAL_SECONDS = 3.0
"""Twice as long as between two renewals of a Lease."""


class Patient:
    """The system under the doctor's eyes, and the means to change it."""

    def __init__(self, view: ClusterView, program: Attune) -> None:
        self.view = view
        self.program = program
        self._deployment: Mapping[str, Any] = {}
        self._rules: list[dict[str, Any]] = []

    def prepare(self) -> None:
        """Nothing of others, two policies, and a worker for both."""
        self.view.run("delete", "actionqueuepolicies", "--all", "--wait=true")
        self.restore_workers()
        self.policy("doctor-echo", ECHO)
        self.policy("doctor-sleep", SLEEP)
        self.view.run("wait", "aqp", "--all", "--for=condition=Ready", "--timeout=60s")

    def clear(self) -> None:
        """Leave nothing behind."""
        self.view.run("delete", "actionqueuepolicies", "--all", "--ignore-not-found")
        self.view.run("delete", "deployment", DEPLOYMENT, "--ignore-not-found")

    # The workers

    def restore_workers(self) -> None:
        """The Deployment as it should be; its pods are made new where that is another one."""
        manifest = self._worker_manifest()
        if self.view.run("get", "deployment", DEPLOYMENT, "--ignore-not-found", "--output=name"):
            self.view.run("replace", "--filename=-", stdin=json.dumps(manifest))
        else:
            self.view.run("create", "--filename=-", stdin=json.dumps(manifest))

    def await_workers(self) -> None:
        """Return when the pods are those that the Deployment asks for: between two of them there is nothing to find."""
        seconds = 120
        deployment, limit = f"deployment/{DEPLOYMENT}", f"--timeout={seconds}s"
        # Who scales them may still have to make good that there are none.
        self.view.run("wait", deployment, "--for=jsonpath={.spec.replicas}=1", limit, timeout=seconds + 10)
        self.view.run("rollout", "status", deployment, limit, timeout=seconds + 10)

    def change_pods(self, container: Mapping[str, Any], **pod: Any) -> None:
        """Have the pods made anew with these fields."""
        spec = {"containers": [{"name": "worker", **container}], **pod}
        self._patch("deployment", DEPLOYMENT, {"spec": {"template": {"spec": spec}}}, "strategic")

    def signal_worker(self, signal: str) -> None:
        """Send a signal to the worker's process: it is not the first of its container, which could not be stopped."""
        self.view.run("exec", f"deployment/{DEPLOYMENT}", "--", "sh", "-c", f"kill -{signal} $(cat {_PID_FILE})")

    def _worker_manifest(self) -> Mapping[str, Any]:
        """Like the Deployment of the overlay, but for its name, one slot count, and a shell in front of the worker."""
        if self._deployment:
            return self._deployment
        spec = self.view.get("deployment", WORKERS)["spec"]
        labels = {"app.kubernetes.io/name": DEPLOYMENT, "app.kubernetes.io/part-of": "attune"}
        pod = spec["template"]["spec"]
        (container,) = pod["containers"]
        worker = f"attune-worker --pool {DEPLOYMENT} --slots {SLOTS} --health-port 8081"
        container |= {"command": ["sh", "-c", f"{worker} & echo $! > {_PID_FILE}; wait"], "args": []}
        # A worker that is stopped is to be found by the doctor, not by the kubelet.
        container.pop("livenessProbe")
        pod["terminationGracePeriodSeconds"] = 1
        self._deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": DEPLOYMENT, "namespace": self.view.namespace},
            "spec": {
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": {"app.kubernetes.io/name": DEPLOYMENT}},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        }
        return self._deployment

    # The operator

    def change_leader(self) -> None:
        """Have another replica lead."""
        leader = self.view.leader()
        self.view.run("delete", "pod", str(leader), "--wait=false")
        deadline = time.monotonic() + _CHANGE_SECONDS
        while self.view.leader() in {None, leader}:
            assert time.monotonic() < deadline, "nobody leads"
            time.sleep(_LOOK_SECONDS)

    def forbid_operator(self, group: str) -> None:
        """Take from the operator what it may do with an API group in its own namespace."""
        self._rules = self.view.get("role", OPERATOR)["rules"]
        left = [rule for rule in self._rules if group not in rule["apiGroups"]]
        self._patch("role", OPERATOR, {"rules": left}, "merge")

    def age_lease(self, minutes: int) -> None:
        """Have the Lease, which nobody may renew any more, be as old as it would be after so long."""
        renewed = (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        deadline = time.monotonic() + _CHANGE_SECONDS
        while self.view.get("lease", LEASE)["spec"]["renewTime"] != renewed:
            # A renewal may have been on its way.
            assert time.monotonic() < deadline, "it is still renewed"
            self._patch("lease", LEASE, {"spec": {"renewTime": renewed}}, "merge")
            time.sleep(_RENEWAL_SECONDS)

    def allow_operator(self) -> None:
        """Give it back."""
        self._patch("role", OPERATOR, {"rules": self._rules}, "merge")

    # The policies and their executions

    def policy(self, name: str, action_ref: str, *, workers: bool = True, **spec: Any) -> None:
        """Make a policy."""
        served = {"deployment": DEPLOYMENT, "slotsPerWorker": SLOTS, "minReplicas": 1, "maxReplicas": 1}
        manifest = {
            "apiVersion": "attune.io/v1alpha1",
            "kind": "ActionQueuePolicy",
            "metadata": {"name": name, "namespace": self.view.namespace},
            "spec": {"actionRef": action_ref, "concurrency": 2, **({"workers": served} if workers else {}), **spec},
        }
        self.view.kubectl.apply([manifest])

    def change_policy(self, name: str, **spec: Any) -> None:
        """Patch a policy."""
        self._patch("aqp", name, {"spec": spec}, "merge")

    def submit(self, action_ref: str, count: int = 1, **parameters: Any) -> int:
        """Submit executions; returns the exit code."""
        given = [f"--param={name}={value}" for name, value in parameters.items()]
        return self.program.run("submit", action_ref, f"--count={count}", *given).returncode

    def end_everything(self) -> None:
        """End what waits and runs, by the runbook's SQL."""
        self.view.query(
            "UPDATE attune.execution SET status = 'cancelled', updated = NOW()"
            " WHERE status IN ('requested', 'scheduled', 'running')"
        )

    def start_psql(self, name: str, sql: str) -> None:
        """Leave a session with this application's name open that has said so much; it is ended with its server.

        Returns once it has been heard.
        """
        psql = f"(echo '{sql}'; sleep 600) | PGAPPNAME={name} psql -U attune -d attune -v ON_ERROR_STOP=1"
        self.view.run("exec", "deployment/postgres", "--", "sh", "-c", f"({psql}) >/dev/null 2>&1 &")
        heard = f"SELECT 1 FROM pg_stat_activity WHERE application_name = '{name}' AND state = 'idle in transaction'"  # noqa: S608 - its own
        deadline = time.monotonic() + _CHANGE_SECONDS
        while not self.view.query(heard):
            assert time.monotonic() < deadline, "the session has not come"
            time.sleep(_LOOK_SECONDS)

    def scale(self, deployment: str, replicas: int) -> None:
        """Set the size of a Deployment."""
        self.view.run("scale", f"deployment/{deployment}", f"--replicas={replicas}")

    def _patch(self, kind: str, name: str, patch: Mapping[str, Any], how: str) -> None:
        self.view.run("patch", kind, name, f"--type={how}", f"--patch={json.dumps(patch)}")

    # The doctor

    def examine(self, *options: str) -> list[dict[str, Any]]:
        """The doctor's findings."""
        done = self.program.run("doctor", *options, "--output=json")
        assert done.returncode in {0, 1}, f"{done.returncode}\n{done.stdout}{done.stderr}"
        findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
        assert bool(faults(findings)) == bool(done.returncode)
        return findings

    def examine_until(
        self, enough: Callable[[Sequence[Mapping[str, Any]]], bool], options: Sequence[str], seconds: float
    ) -> list[dict[str, Any]]:
        """The first findings that are `enough`; the last ones when none are in time."""
        deadline = time.monotonic() + seconds
        while True:
            findings = self.examine(*options)
            if enough(findings) or time.monotonic() > deadline:
                return findings
            time.sleep(_LOOK_SECONDS)


def faults(findings: Sequence[Mapping[str, Any]]) -> set[str]:
    """Ids of the findings that are no notices."""
    return {finding["id"] for finding in findings if finding["severity"] != "notice"}
