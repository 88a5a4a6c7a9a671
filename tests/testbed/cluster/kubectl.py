"""kubectl, bound to one cluster: it neither reads nor writes the user's own configuration."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.cluster.errors import ClusterError, KubectlError
from testbed.cluster.localnode import programs


@dataclass(frozen=True)
class Kubectl:
    """The program `program` with `kubeconfig`, and with `context` instead of the file's current one when given."""

    program: Path
    kubeconfig: Path
    context: str | None = None

    def command(self, *arguments: str) -> list[str]:
        """Return the command line for a kubectl that is to be started otherwise than by `run`."""
        context = [f"--context={self.context}"] if self.context else []
        return [str(self.program), f"--kubeconfig={self.kubeconfig}", *context, *arguments]

    def run(self, *arguments: str, stdin: str | None = None, timeout: float = 120) -> str:
        """Run kubectl to its end, at most `timeout` seconds, and return what it printed.

        Raises:
            KubectlError: it failed; the message is its standard error.
            subprocess.TimeoutExpired: it took longer.
        """
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """Return the object, or the list of objects, that `kubectl get ARGUMENTS` finds."""
        return json.loads(self.run("get", *arguments, "--output=json"))

    def apply(self, objects: Sequence[Mapping[str, Any]]) -> str:
        """Apply objects given as values."""
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        return self.run("apply", "--filename=-", stdin=json.dumps(document))

    def environment(self) -> dict[str, str]:
        """Return this process's environment with the cluster's KUBECONFIG, for a program that reads it."""
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig)}


def find_kubectl() -> Path:
    """Return the kubectl of the PATH, or the one that was built for a local node.

    Raises:
        ClusterError: there is neither.
    """
    if found := shutil.which("kubectl"):
        return Path(found)
    built = programs.kubernetes_build().folder / "kubectl"
    if not built.exists():
        raise ClusterError("kubectl is needed: https://kubernetes.io/docs/tasks/tools/")
    return built
