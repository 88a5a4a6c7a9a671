"""`attune` as its user runs it: a process with an environment of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testbed.cluster.kubectl import Kubectl


class Attune:
    """The program with an environment of its own."""

    def __init__(self, kubectl: Kubectl, namespace: str, environment: Mapping[str, str]) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ATTUNE_")}
        kubeconfig = {"KUBECONFIG": str(kubectl.kubeconfig), "ATTUNE_OPERATOR_NAMESPACE": namespace}
        self._environment = {**inherited, **kubeconfig, **environment}
        self._context = [f"--context={kubectl.context}"] if kubectl.context else []

    def command(self, *arguments: str) -> list[str]:
        """Its command line."""
        return [str(Path(sys.executable).with_name("attune")), *arguments, *self._context]

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment that it is started with."""
        return self._environment

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it, whatever comes of it."""
        return subprocess.run(
            self.command(*arguments),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def says(self, *arguments: str) -> str:
        """What it prints when all goes well."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def document(self, *arguments: str) -> Any:
        """The document that it prints when all goes well."""
        return json.loads(self.says(*arguments, "--output=json"))


def apply_policy(kubectl: Kubectl, namespace: str, name: str, action_ref: str, **spec: Any) -> None:
    """Apply a policy and wait until it is in force; keyword arguments are fields of its spec."""
    manifest = {
        "apiVersion": "attune.io/v1alpha1",
        "kind": "ActionQueuePolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"actionRef": action_ref, "concurrency": 1, **spec},
    }
    kubectl.apply([manifest])
    kubectl.run("wait", "aqp", name, f"--namespace={namespace}", "--for=condition=Ready", "--timeout=60s")
