"""The Helm chart is the kustomize manifests: the same objects for the same wishes."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.attune.deployment import CLUSTER_SCOPED
from testbed.chart import MANIFESTS, NAMESPACE, OPTIONAL, PATCHING, TEMPLATES, templates
from testbed.cluster.kubectl import Kubectl, find_kubectl
from testbed.helm import Helm, HelmError, find_helm

pytestmark = pytest.mark.timeout(1800)  # the very first run builds Helm

Objects = dict[tuple[str, str, str], Any]


@pytest.fixture(scope="module")
def helm() -> Helm:
    return find_helm()


def kustomize(folder: Path) -> str:
    # No cluster is asked.
    return Kubectl(find_kubectl(), Path("/dev/null")).run("kustomize", str(folder))


def by_name(items: list[Any]) -> Objects:
    objects: Objects = {}
    for item in items:
        if item["kind"] in CLUSTER_SCOPED:
            item["metadata"].pop("namespace", None)
        key = (item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"])
        assert key not in objects, key
        objects[key] = item
    return objects


def kustomized(folder: Path) -> Objects:
    return by_name([item for item in yaml.safe_load_all(kustomize(folder)) if item])


def test_the_templates_are_those_of_the_manifests() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.yaml")}

    assert committed == templates(kustomize), "run `make generate`"


def test_without_values_it_is_the_base(helm: Helm) -> None:
    assert by_name(helm.template(NAMESPACE)) == kustomized(MANIFESTS / "base")


@pytest.mark.parametrize("everywhere", [["*"], []])
def test_for_all_namespaces_it_is_the_overlay(helm: Helm, everywhere: list[str]) -> None:
    made = by_name(helm.template(NAMESPACE, {"watch": {"namespaces": everywhere}}))
    wanted = kustomized(MANIFESTS / "overlays/cluster-wide")

    assert yaml.safe_load(variables(made)["ATTUNE__OPERATOR__WATCH__NAMESPACES"]) == everywhere
    without_variable(made)
    without_variable(wanted)
    assert made == wanted


def test_for_some_namespaces_it_is_the_overlay_without_its_workers(helm: Helm) -> None:
    made = by_name(helm.template(NAMESPACE, {"watch": {"namespaces": [NAMESPACE, "team-a"]}}))
    wanted = kustomized(MANIFESTS / "overlays/two-namespaces")
    workers = {key for key in wanted if key[2] == "attune-worker"}

    names = yaml.safe_load(variables(made)["ATTUNE__OPERATOR__WATCH__NAMESPACES"])
    assert names == yaml.safe_load(variables(wanted)["ATTUNE__OPERATOR__WATCH__NAMESPACES"])
    without_variable(made)
    without_variable(wanted)
    assert made == {key: item for key, item in wanted.items() if key not in workers}


@pytest.mark.parametrize("section", sorted(OPTIONAL | PATCHING))
def test_an_optional_part_is_the_component(helm: Helm, tmp_path: Path, section: str) -> None:
    overlay = tmp_path.resolve()
    manifests = os.path.relpath(MANIFESTS, overlay)
    kustomization = {
        "resources": [f"{manifests}/base"],
        "components": [f"{manifests}/components/{(OPTIONAL | PATCHING)[section]}"],
    }
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))

    assert by_name(helm.template(NAMESPACE, {section: {"enabled": True}})) == kustomized(overlay)


def test_values_reach_the_deployment(helm: Helm) -> None:
    made = by_name(
        helm.template(
            "queues",
            {
                "image": {"repository": "registry.example/attune-operator", "tag": "1"},
                "imagePullSecrets": [{"name": "registry"}],
                "replicas": 3,
                "connections": {"secret": "databases"},
                "env": [{"name": "ATTUNE__LOG__LEVEL", "value": "debug"}],
                "resources": {"limits": {"memory": "2Gi"}},
                "nodeSelector": {"pool": "system"},
                "tolerations": [{"key": "system", "operator": "Exists"}],
            },
        )
    )

    deployment = made["Deployment", "queues", "attune-operator"]["spec"]
    pod = deployment["template"]["spec"]
    assert (deployment["replicas"], pod["nodeSelector"], pod["imagePullSecrets"], pod["tolerations"]) == (
        3,
        {"pool": "system"},
        [{"name": "registry"}],
        [{"key": "system", "operator": "Exists"}],
    )
    for container in [*pod["initContainers"], *pod["containers"]]:
        assert container["image"] == "registry.example/attune-operator:1"
        assert container["resources"]["limits"] == {"memory": "2Gi"}
    assert [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume] == ["databases"]
    assert variables(made, "queues")["ATTUNE__LOG__LEVEL"] == "debug"
    assert {namespace for _, namespace, _ in made} == {"", "queues"}
    assert NAMESPACE not in yaml.safe_dump(list(made.values()))


def test_a_second_release_can_leave_out_what_belongs_to_no_namespace(helm: Helm) -> None:
    made = by_name(helm.template("queues", {"clusterScoped": {"create": False}}))

    assert {namespace for _, namespace, _ in made} == {"queues"}
    assert ("RoleBinding", "queues", "attune-operator-namespace") in made


def test_an_unknown_value_is_refused_by_name(helm: Helm) -> None:
    with pytest.raises(HelmError, match="replica"):
        helm.template(NAMESPACE, {"replica": 3})


def test_helm_finds_nothing_to_complain_about(helm: Helm) -> None:
    assert "0 chart(s) failed" in helm.lint()


def variables(objects: Objects, namespace: str = NAMESPACE) -> dict[str, str]:
    """The plain environment variables of the operator."""
    (container,) = objects["Deployment", namespace, "attune-operator"]["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable["value"] for variable in container["env"] if "value" in variable}


def without_variable(objects: Objects) -> None:
    """Leave the list of namespaces out, whose text may differ."""
    (container,) = objects["Deployment", NAMESPACE, "attune-operator"]["spec"]["template"]["spec"]["containers"]
    container["env"] = [
        variable for variable in container["env"] if variable["name"] != "ATTUNE__OPERATOR__WATCH__NAMESPACES"
    ]
