"""What the how-tos for installing and upgrading name is there, and the overlay that they show is one."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.cluster.kubectl import Kubectl, find_kubectl
from testbed.services.program import REPOSITORY

INSTALL, UPGRADE = (REPOSITORY / "docs/how-to" / name for name in ("install.md", "upgrade.md"))
USERS_OWN = {"my-attune", "my-workers"}


def kustomize(folder: Path) -> list[dict[str, Any]]:
    # No cluster is asked.
    text = Kubectl(find_kubectl(), Path("/dev/null")).run("kustomize", str(folder))
    return [item for item in yaml.safe_load_all(text) if item]


@pytest.mark.parametrize("page", [INSTALL, UPGRADE, REPOSITORY / "README.md"], ids=lambda path: path.name)
def test_the_folders_of_its_commands_render(page: Path) -> None:
    folders = set(re.findall(r"kubectl .* -k (\S+)", page.read_text(encoding="utf-8")))
    folders -= USERS_OWN | {"your-overlay"}

    assert folders
    for folder in folders:
        assert kustomize(REPOSITORY / folder), folder


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
