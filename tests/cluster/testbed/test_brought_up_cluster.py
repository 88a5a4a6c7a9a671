"""The cluster that the testbed brings up does what the operator, its tests and the demo rely on."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from testbed import golang
from testbed.cluster.errors import KubectlError
from testbed.cluster.fixtures import fresh_namespace
from testbed.cluster.kubectl import Kubectl
from testbed.cluster.localnode import image_archive
from testbed.cluster.provider import Provider

# The very first run builds the cluster's programs.
pytestmark = pytest.mark.timeout(1800)

IMAGE = "attune.example/testbed-probe:1"
REPLICAS = 6
SECONDS = 60


@pytest.fixture(scope="module")
def image(cluster: Provider, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("probe")
    program, archive = folder / "probe", folder / "probe.tar"
    golang.build("Building the probe", Path(__file__).parent / "probe", program, ["-ldflags=-s -w"])
    image_archive.write(archive, IMAGE, {"/probe": program}, ["/probe"])
    cluster.load_image(archive, IMAGE)
    return IMAGE


@pytest.fixture(scope="module")
def served(kubectl: Kubectl, image: str) -> Iterator[str]:
    """A namespace in which the Service `web` stands for the pods of the Deployment `web`, one to begin with."""
    with fresh_namespace(kubectl) as namespace:
        kubectl.apply([_deployment(namespace, image), _service(namespace)])
        kubectl.run("rollout", "status", "deployment/web", f"--namespace={namespace}", f"--timeout={SECONDS}s")
        _await_service(kubectl, namespace)
        yield namespace


def test_a_scale_up_becomes_running_pods(kubectl: Kubectl, served: str) -> None:
    _scale_up(kubectl, served)
    pods: list[dict[str, Any]] = kubectl.get("pods", f"--namespace={served}")["items"]
    assert len({pod["status"]["podIP"] for pod in pods}) == REPLICAS


@pytest.mark.parametrize("host", ["web", "web.{}", "web.{}.svc", "web.{}.svc.cluster.local"])
def test_a_pod_reaches_a_service_by_its_names(kubectl: Kubectl, served: str, host: str) -> None:
    url = f"http://{host.format(served)}/"
    answer = kubectl.run("exec", "deployment/web", f"--namespace={served}", "--", "/probe", "get", url)
    assert answer.startswith("web-")


def test_a_service_spreads_requests_over_its_pods(kubectl: Kubectl, served: str) -> None:
    _scale_up(kubectl, served)
    command = ("exec", "deployment/web", f"--namespace={served}", "--", "/probe", "get", "http://web/")
    deadline = time.monotonic() + SECONDS
    names: set[str] = set()
    while len(names) < 2:
        assert time.monotonic() < deadline, f"only {names} answer"
        names.add(kubectl.run(*command))


def test_an_unknown_name_is_said_to_be_unknown(kubectl: Kubectl, served: str) -> None:
    command = ("exec", "deployment/web", f"--namespace={served}", "--", "/probe", "get", "http://nobody/")
    with pytest.raises(KubectlError, match="no such host"):
        kubectl.run(*command)


def test_logs_are_shown(kubectl: Kubectl, served: str) -> None:
    assert kubectl.run("logs", "deployment/web", f"--namespace={served}").startswith("serving as web-")


def test_a_port_is_forwarded(kubectl: Kubectl, served: str) -> None:
    command = kubectl.command("port-forward", "service/web", ":80", f"--namespace={served}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forwarding:  # noqa: S603  # our own kubectl
        try:
            assert forwarding.stdout is not None
            found = re.search(r"127\.0\.0\.1:(\d+)", forwarding.stdout.readline())
            assert found is not None
            answer = httpx.get(f"http://127.0.0.1:{found[1]}/", trust_env=False)
        finally:
            forwarding.terminate()
    assert answer.text.startswith("web-")


def test_the_version_is_told_to_anyone(cluster: Provider, kubectl: Kubectl) -> None:
    view = kubectl.run("config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}")
    answer = httpx.get(f"{view}/version", verify=False, trust_env=False)  # noqa: S501  # who answers is not in question
    assert answer.status_code == 200
    assert answer.json()["gitVersion"].startswith("v1."), cluster.name


def test_an_unrestricted_pod_is_refused(kubectl: Kubectl, namespace: str, image: str) -> None:
    with pytest.raises(KubectlError, match='violates PodSecurity "restricted'):
        kubectl.run("run", "loose", f"--image={image}", f"--namespace={namespace}", "--", "serve", ":8080")


def test_network_policies_are_taken(kubectl: Kubectl, namespace: str) -> None:
    policy: dict[str, Any] = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "anyone", "namespace": namespace},
        "spec": {"podSelector": {}, "ingress": [{}]},
    }
    assert "created" in kubectl.apply([policy])


def _scale_up(kubectl: Kubectl, namespace: str) -> None:
    """As many pods as there are in the end: one that is taken away would be asked for a moment after it has gone."""
    kubectl.run("scale", "deployment/web", f"--replicas={REPLICAS}", f"--namespace={namespace}")
    kubectl.run("rollout", "status", "deployment/web", f"--namespace={namespace}", f"--timeout={SECONDS}s")


def _await_service(kubectl: Kubectl, namespace: str) -> None:
    """Wait until the Service knows its pod: it learns of it a moment after the pod is ready."""
    address = kubectl.get("service", "web", f"--namespace={namespace}")["spec"]["clusterIP"]
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            kubectl.run(
                "exec", "deployment/web", f"--namespace={namespace}", "--", "/probe", "get", f"http://{address}/"
            )
        except KubectlError:
            if time.monotonic() >= deadline:
                raise
        else:
            return


def _deployment(namespace: str, image: str) -> dict[str, Any]:
    container = {
        "name": "web",
        "image": image,
        "imagePullPolicy": "Never",
        "args": ["serve", ":8080"],
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": pod},
    }


def _service(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
