"""The committed CRD is what the models say, and says what `kubectl` needs."""

from typing import Any

import pytest
import yaml

from attune_operator.crds import CRD_DIRECTORY, action_queue_policy, rendered, structural
from attune_operator.resources.policy import GROUP


def schema() -> dict[str, Any]:
    return action_queue_policy()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def nodes(node: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    children = [(f"{path}.{name}", child) for name, child in node.get("properties", {}).items()]
    if "items" in node:
        children.append((f"{path}[]", node["items"]))
    return [(path, node)] + [found for child_path, child in children for found in nodes(child, child_path)]


def test_the_committed_files_are_what_the_models_say() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in CRD_DIRECTORY.glob(f"*.{GROUP}.yaml")}

    assert committed == rendered(), "run `make generate` and commit crds/"


def test_every_field_of_spec_and_status_is_explained_and_typed() -> None:
    for part in ("spec", "status"):
        for path, node in nodes(schema()["properties"][part], part):
            assert node.get("type"), path
            if not path.endswith("[]"):
                assert node.get("description", "").endswith("."), path


def test_every_range_comes_with_a_remedy() -> None:
    for path, node in nodes(schema()["properties"]["spec"], "spec"):
        if "minimum" in node or "maximum" in node:
            assert node["x-kubernetes-validations"], path


def test_defaults_are_those_of_the_runbook() -> None:
    spec = schema()["properties"]["spec"]["properties"]
    workers = spec["workers"]["properties"]

    assert spec["maxQueueLength"]["default"] == 10_000
    assert workers["bufferPercent"]["default"] == 50
    assert workers["depthBands"]["default"] == [
        {"waiting": 10, "addPercent": 25},
        {"waiting": 50, "addPercent": 50},
        {"waiting": 100, "addPercent": 100},
    ]


def test_conditions_are_a_map_by_type_with_all_their_fields() -> None:
    conditions = schema()["properties"]["status"]["properties"]["conditions"]

    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert set(conditions["items"]["required"]) == {"type", "status", "reason", "message", "lastTransitionTime"}


def test_a_union_of_types_is_refused() -> None:
    with pytest.raises(ValueError, match="no unions"):
        structural({"title": "Port", "anyOf": [{"type": "integer"}, {"type": "string"}]}, {})


def test_the_files_are_plain_yaml() -> None:
    for text in rendered().values():
        assert "&id" not in text
        assert yaml.safe_load(text)["kind"] == "CustomResourceDefinition"


def test_a_status_demands_no_field_of_an_older_operator() -> None:
    demanding = [path for path, node in nodes(schema()["properties"]["status"], "status") if "required" in node]

    assert demanding == ["status.conditions[]"]
