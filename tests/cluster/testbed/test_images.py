"""The images hold what they should and nothing else, and run where a restricted pod runs."""

import io
import json
import re
import tarfile
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from testbed.cluster.fixtures import fresh_namespace
from testbed.cluster.kubectl import Kubectl
from testbed.cluster.provider import Provider
from testbed.images.build import ensure_archives
from testbed.images.catalog import IMAGES, OPERATOR, WORKER, Image
from testbed.images.loading import load_images

# The very first run builds the images.
pytestmark = pytest.mark.timeout(1800)

BUILD_TOOLS = re.compile(r"(^|/)(uv|uvx|pip|pip3|gcc|cc|make)$|/(pip|uv|setuptools)/__init__\.py$|\.cache/(pip|uv)/")
KUBERNETES_CLIENTS = re.compile(r"/site-packages/(kopf|kubernetes|attune_operator)/__init__\.py$")
BYTECODE = re.compile(r"/site-packages/attune_executor/__pycache__/__init__\..*\.pyc$")


@pytest.fixture(scope="module")
def namespace(cluster: Provider, kubectl: Kubectl) -> Iterator[str]:
    load_images(cluster, IMAGES)
    with fresh_namespace(kubectl) as name:
        kubectl.run("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        yield name


@cache
def _contents(image: Image) -> tuple[dict[str, Any], frozenset[str]]:
    """The configuration of an image, and the files that are left when all its layers lie over each other."""
    [archive] = ensure_archives([image])
    with tarfile.open(archive) as outer:

        def read(name: str) -> bytes:
            member = outer.extractfile(name)
            assert member is not None
            return member.read()

        [manifest] = json.loads(read("manifest.json"))
        files: set[str] = set()
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=io.BytesIO(read(layer))) as inner:
                for name in (member.name.removeprefix("./") for member in inner if not member.isdir()):
                    folder, _, base = name.rpartition("/")
                    if base.startswith(".wh."):
                        removed = f"{folder}/{base.removeprefix('.wh.')}"
                        files = {file for file in files if file != removed and not file.startswith(f"{removed}/")}
                    else:
                        files.add(name)
        return json.loads(read(manifest["Config"]))["config"], frozenset(files)


@pytest.mark.parametrize("image", [OPERATOR, WORKER], ids=lambda image: image.name)
def test_an_image_runs_one_program_as_nobody_in_particular(image: Image) -> None:
    configuration, _ = _contents(image)
    assert configuration["Entrypoint"] == [image.name]
    assert configuration["User"] == "10001:10001"
    assert configuration["Labels"]["org.opencontainers.image.title"] == image.name
    assert configuration["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


@pytest.mark.parametrize("image", [OPERATOR, WORKER], ids=lambda image: image.name)
def test_an_image_carries_no_build_tools_and_is_compiled(image: Image) -> None:
    _, files = _contents(image)
    assert [file for file in files if BUILD_TOOLS.search(file)] == []
    assert [file for file in files if BYTECODE.search(f"/{file}")]


@pytest.mark.parametrize("image", [OPERATOR, WORKER], ids=lambda image: image.name)
def test_an_image_remembers_nothing_of_the_machine_that_built_it(image: Image) -> None:
    configuration, _ = _contents(image)
    names = {variable.partition("=")[0] for variable in configuration["Env"]}
    assert not {name for name in names if "PROXY" in name.upper() or name.startswith(("PIP_", "UV_", "SSL_"))}


def test_a_worker_knows_nothing_of_kubernetes() -> None:
    assert [file for file in _contents(WORKER)[1] if KUBERNETES_CLIENTS.search(f"/{file}")] == []
    assert len([file for file in _contents(OPERATOR)[1] if KUBERNETES_CLIENTS.search(f"/{file}")]) == 3


@pytest.mark.parametrize("image", [OPERATOR, WORKER], ids=lambda image: image.name)
def test_an_image_runs_in_a_restricted_pod_that_cannot_write(image: Image, kubectl: Kubectl, namespace: str) -> None:
    container = {
        "name": "main",
        "image": image.reference,
        "args": ["--help"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": image.name, "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
        },
    }
    kubectl.apply([pod])
    arguments = (f"pod/{image.name}", f"--namespace={namespace}")
    kubectl.run("wait", *arguments, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    assert "Usage:" in kubectl.run("logs", *arguments)
