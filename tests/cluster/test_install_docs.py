"""What the pages have kubectl kustomize renders, and the overlay that the how-to for installing shows is one."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.cluster.kubectl import Kubectl, find_kubectl
from testbed.docs.judgement import USERS_OWN
from testbed.docs.pages import pages
from testbed.docs.shell import command_lines
from testbed.services.program import REPOSITORY

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
