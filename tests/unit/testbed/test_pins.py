"""The versions in pins.py are those that the Go programs are built with."""

import re

from testbed import pins
from testbed.cluster.localnode.programs import KUBERNETES_FLAGS, SOURCES, kubernetes_build
from testbed.services.program import REPOSITORY


def _module(name: str) -> str:
    return (SOURCES / name / "go.mod").read_text()


def test_kubernetes_and_all_its_library_modules_are_of_the_pinned_version() -> None:
    text = _module("kubernetes")
    assert f"\tk8s.io/kubernetes {pins.KUBERNETES}\n" in text
    replacements = re.findall(r"^\t(k8s\.io/\S+) => (\S+) (\S+)$", text, re.MULTILINE)
    assert len(replacements) > 25
    for own, replaced, version in replacements:
        assert (replaced, version) == (own, pins.KUBERNETES_STAGING)


def test_the_library_version_belongs_to_the_version() -> None:
    assert pins.KUBERNETES.replace("v1.", "v0.", 1) == pins.KUBERNETES_STAGING


def test_coredns_is_of_the_pinned_version() -> None:
    assert f"require github.com/coredns/coredns {pins.COREDNS}\n" in _module("coredns")


def test_the_node_image_of_kind_has_the_same_minor_version_of_kubernetes() -> None:
    minor = pins.KUBERNETES.rpartition(".")[0]
    assert pins.KIND_NODE_IMAGE.startswith(f"kindest/node:{minor}.")
    assert re.search(r"@sha256:[0-9a-f]{64}$", pins.KIND_NODE_IMAGE)


def test_kubernetes_is_told_its_version() -> None:
    assert f"gitVersion={pins.KUBERNETES} " in KUBERNETES_FLAGS[1]
    assert kubernetes_build().folder.name.startswith(f"kubernetes-{pins.KUBERNETES}-")


def test_the_pinned_go_builds_every_module_and_is_the_one_that_the_pages_ask_for() -> None:
    wanted = [re.findall(r"^go (\d+)\.(\d+)", path.read_text(), re.MULTILINE)[0] for path in SOURCES.rglob("go.mod")]
    assert ".".join(max(wanted, key=lambda version: tuple(map(int, version)))) == pins.GO
    for page in ("README.md", "docs/tutorial.md"):
        assert f"Python 3.11 and [Go {pins.GO} or later](https://go.dev/dl)" in (REPOSITORY / page).read_text()
