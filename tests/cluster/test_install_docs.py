"""What the pages have installed is taken by a real cluster, and the overlay that they show is one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.attune.callers import until_allowed
from testbed.attune.cluster_view import ClusterView
from testbed.attune.port_forward import PortForward
from testbed.cluster.kubectl import Kubectl, find_kubectl
from testbed.docs.judgement import USERS_OWN
from testbed.docs.pages import Page, pages
from testbed.docs.shell import command_lines
from testbed.docs.typed import commands
from testbed.docs.typist import Typist
from testbed.helm import find_helm
from testbed.services.program import REPOSITORY

pytestmark = pytest.mark.timeout(1800)  # the very first run builds Helm

CHANGING = re.compile(r"^(kubectl|helm)\b.* (apply|create|delete|install|patch|scale|uninstall|upgrade) ")
INSTALL = REPOSITORY / "docs/how-to/install.md"


def kustomize(folder: Path) -> list[dict[str, Any]]:
    # No cluster is asked.
    text = Kubectl(find_kubectl(), Path("/dev/null")).run("kustomize", str(folder))
    return [item for item in yaml.safe_load_all(text) if item]


def shown_folders() -> set[str]:
    """What kubectl is told to kustomize, on any page."""
    blocks = (block for page in pages() for block in page.blocks if block.language == "sh")
    commands = [words for block in blocks for words in command_lines(block.text) if words[0] == "kubectl"]
    return {words[words.index("-k") + 1] for words in commands if "-k" in words} - USERS_OWN


@pytest.mark.parametrize("folder", sorted(shown_folders()))
def test_a_folder_of_the_pages_commands_renders(folder: str) -> None:
    assert kustomize(REPOSITORY / folder)


def test_the_overlay_that_is_shown_names_the_users_image(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```yaml\n# my-attune/kustomization.yaml\n(.*?)```", INSTALL.read_text(), re.DOTALL)
    for name in ("manifests", "crds"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    overlay = tmp_path / "my-attune"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(shown)

    rendered = yaml.safe_dump_all(kustomize(overlay))

    assert set(re.findall(r"image: (\S+)", rendered)) == {"REGISTRY/attune-operator:1"}


def test_every_component_and_overlay_that_is_named_is_there() -> None:
    text = INSTALL.read_text(encoding="utf-8")

    for path in re.findall(r"`(manifests/[a-z/-]+)`", text):
        assert (REPOSITORY / path).exists(), path
    (components,) = re.findall(r"`components:` adds (.*?) `manifests/overlays`", text, re.DOTALL)
    for name in re.findall(r"`([a-z-]+)`", components):
        assert (REPOSITORY / "manifests/components" / name).is_dir(), name


def test_workers_outside_of_the_operators_namespace_serve_the_pool_of_theirs() -> None:
    (workers,) = [
        item
        for item in kustomize(REPOSITORY / "manifests/overlays/two-namespaces/team-a")
        if item["kind"] == "Deployment"
    ]

    (container,) = workers["spec"]["template"]["spec"]["containers"]
    pool = container["args"][container["args"].index("--pool") + 1]
    sources = {variable["name"]: variable.get("valueFrom") for variable in container["env"]}
    assert (workers["metadata"]["namespace"], pool) == ("team-a", "attune-worker.$(NAMESPACE)")
    assert sources["NAMESPACE"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}


@pytest.fixture
def checkout(typist: Typist, namespace: str) -> None:
    """A checkout, with overlays of the reader's own, and nothing that is installed from it but as a dry run."""
    manifests = (f"manifests/{name}" for name in ("namespace", "base", "workers", "examples", "chart"))
    for folder in ("crds", *manifests):
        for path in (path for path in (REPOSITORY / folder).rglob("*") if path.is_file()):
            typist.bring(path)
    for block in Page(REPOSITORY / "docs/how-to/install.md").blocks:
        typist.write(block)
    (typist.folder / "my-workers").mkdir()
    (typist.folder / "my-workers/kustomization.yaml").write_text("resources: [../manifests/workers]")
    (typist.folder / "connections.env").write_text("database-url=postgresql://a\nmessage-queue-url=amqp://a\n")
    helm = f"{find_helm().program} install attune manifests/chart --dry-run=server --set clusterScoped.create=false"
    typist.replaced = {
        # Where there is no Attune yet, since Helm takes over nothing that it has not made.
        "helm install attune manifests/chart --namespace attune-system": f"{helm} --namespace {namespace}",
        "secret generic attune-connections": "secret generic attune-as-shown --dry-run=server",
        "apply --server-side": "apply --server-side --force-conflicts --dry-run=server",
        "apply -f": "apply --dry-run=server -f",
        "kubectl delete": "kubectl delete --ignore-not-found --dry-run=server",
    }


def rehearsed(typist: Typist, page: Page) -> Iterator[tuple[str, str]]:
    """Type a page of which nothing is to happen, once that is sure of every line that would change something."""
    for line in commands(page):
        if CHANGING.search(line):
            assert any(shown in line for shown in typist.replaced), f"{line} has no dry run"
    yield from typist.type_page(page)


@pytest.mark.usefixtures("checkout")
def test_installing_and_upgrading(typist: Typist) -> None:
    """Every object is taken by the API server; `tests/cluster/test_install.py` really comes and goes."""
    for name in ("install", "upgrade"):
        for line, text in rehearsed(typist, Page(REPOSITORY / f"docs/how-to/{name}.md")):
            if " apply " in line or " delete " in line:
                assert "server dry run" in text, line


@pytest.mark.usefixtures("checkout", "examples")
def test_the_readme(typist: Typist, attune: ClusterView, forward: PortForward) -> None:
    typist.replaced = {
        **typist.replaced,
        "your-overlay": "my-attune",
        "--set …": "--set-string image.tag=1",
        "emergency on": "emergency on --dry-run",
        "localhost:8080": forward.url().removeprefix("http://"),
    }
    answers: list[dict[str, Any]] = []
    for line, text in typist.type_page(Page(REPOSITORY / "README.md")):
        if "create rolebinding" in line:
            until_allowed(attune.kubectl, attune.namespace, "submitter", "create", "actionqueuepolicies")
        if line.startswith("curl"):
            answers.append(json.loads(text)["data"])
            typist.replaced = {**typist.replaced, "executions/1": f"executions/{answers[0]['id']}"}

    submitted, looked_at, queue = answers
    assert looked_at["id"] == submitted["id"]
    assert queue["action_ref"] == submitted["action_ref"] == "core.shell"
