"""Helm: the one of the PATH, or one that is built from its own module into the user's cache."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from testbed import golang, pins
from testbed.cache import Build, digest
from testbed.cluster.kubectl import Kubectl
from testbed.services.program import REPOSITORY

CHART = REPOSITORY / "manifests/chart"
_PACKAGE = f"helm.sh/helm/v3/cmd/helm@{pins.HELM}"
_CHARTUTIL = "helm.sh/helm/v3/pkg/chartutil"
_MAJOR, _MINOR, _ = pins.KUBERNETES.removeprefix("v").split(".")
_FLAGS = (
    # What `helm template` takes a cluster's version for; an old one unless it is told.
    f"-ldflags=-s -w -X {_CHARTUTIL}.k8sVersionMajor={_MAJOR} -X {_CHARTUTIL}.k8sVersionMinor={_MINOR}",
)


class HelmError(RuntimeError):
    """Helm failed; the message is its standard error."""


class Helm:
    """Helm on this repository's chart."""

    def __init__(self, program: Path) -> None:
        self.program = program

    def template(self, namespace: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """What the chart is with these values, as objects.

        Raises:
            HelmError: the values are refused.
        """
        printed = self._run("template", "attune", str(CHART), f"--namespace={namespace}", "--values=-", values=values)
        return [item for item in yaml.safe_load_all(printed) if item]

    def lint(self) -> str:
        """What Helm thinks of the chart.

        Raises:
            HelmError: it has errors or warnings.
        """
        return self._run("lint", "--strict", str(CHART))

    def on_cluster(
        self, kubectl: Kubectl, *arguments: str, values: Mapping[str, Any] | None = None, timeout: float = 300
    ) -> str:
        """Run Helm against a cluster; ``values`` are read where ``--values=-`` says so.

        Raises:
            HelmError: it failed.
        """
        context = [f"--kube-context={kubectl.context}"] if kubectl.context else []
        return self._run(f"--kubeconfig={kubectl.kubeconfig}", *context, *arguments, values=values, timeout=timeout)

    def _run(self, *arguments: str, values: Mapping[str, Any] | None = None, timeout: float = 120) -> str:
        done = subprocess.run(
            [str(self.program), *arguments],
            input=json.dumps(values or {}),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode != 0:
            raise HelmError(f"helm {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout


def find_helm() -> Helm:
    """Helm, built when there is none."""
    if found := shutil.which("helm"):
        return Helm(Path(found))

    def make(folder: Path) -> None:
        golang.install(f"Building Helm {pins.HELM} (once, about 4 minutes on 2 cores)", [_PACKAGE], folder, _FLAGS)

    inputs = digest(text.encode() for text in (*_FLAGS, _PACKAGE))
    return Helm(Build("helm", pins.HELM, inputs).ensure(make) / "helm")
