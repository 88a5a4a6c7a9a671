"""The committed CRDs are what the models say, and say what `kubectl` needs."""

from typing import Any

import pytest
import yaml

from attune_operator.crds import (
    ACTION_QUEUE_POLICY,
    CRD_DIRECTORY,
    EXECUTOR_CONFIG,
    KINDS,
    Kind,
    definition,
    rendered,
    schema,
)
from attune_operator.resources import ActionQueuePolicyStatus, ConditionStatus, ExecutorConfigStatus
from attune_operator.resources.policy import GROUP
from attune_operator.structural_schema import structural

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def nodes(node: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    children = [(f"{path}.{name}", child) for name, child in node.get("properties", {}).items()]
    if "items" in node:
        children.append((f"{path}[]", node["items"]))
    return [(path, node)] + [found for child_path, child in children for found in nodes(child, child_path)]


def test_the_committed_files_are_what_the_models_say() -> None:
    files = rendered()
    committed = {path: path.read_text(encoding="utf-8") for path in files if path.exists()}

    assert committed == files, "run `make generate` and commit crds/ and docs/reference/"
    assert set(CRD_DIRECTORY.glob(f"*.{GROUP}.yaml")) < files.keys(), "of a kind that is gone"


@every_kind
def test_every_field_of_spec_and_status_is_explained_and_typed(kind: Kind) -> None:
    for part in ("spec", "status"):
        for path, node in nodes(schema(kind)["properties"][part], part):
            assert node.get("type"), path
            if not path.endswith("[]"):
                assert node.get("description", "").endswith("."), path


@every_kind
def test_every_range_comes_with_a_remedy(kind: Kind) -> None:
    for path, node in nodes(schema(kind)["properties"]["spec"], "spec"):
        if "minimum" in node or "maximum" in node:
            assert node["x-kubernetes-validations"], path


def test_defaults_are_those_of_the_runbook() -> None:
    queue = schema(EXECUTOR_CONFIG)["properties"]["spec"]["properties"]["queue"]["properties"]
    spec = schema(ACTION_QUEUE_POLICY)["properties"]["spec"]["properties"]
    workers = spec["workers"]["properties"]

    assert (queue["maxQueueLength"]["default"], queue["queueTimeoutSeconds"]["default"]) == (10_000, 3600)
    # What every policy had a default of its own for, the ExecutorConfig could not change for all of them.
    assert not {"maxQueueLength", "queueTimeoutSeconds"} & {name for name, node in spec.items() if "default" in node}
    assert workers["bufferPercent"]["default"] == 50
    assert workers["depthBands"]["default"] == [
        {"waiting": 10, "addPercent": 25},
        {"waiting": 50, "addPercent": 50},
        {"waiting": 100, "addPercent": 100},
    ]


@every_kind
def test_conditions_are_a_map_by_type_with_all_their_fields(kind: Kind) -> None:
    conditions = schema(kind)["properties"]["status"]["properties"]["conditions"]

    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert set(conditions["items"]["required"]) == {"type", "status", "reason", "message", "lastTransitionTime"}


def test_a_union_of_types_is_refused() -> None:
    with pytest.raises(ValueError, match="no unions"):
        structural({"title": "Port", "anyOf": [{"type": "integer"}, {"type": "string"}]}, {})


def test_the_files_are_plain_yaml() -> None:
    for kind in KINDS:
        text = rendered()[CRD_DIRECTORY / f"{kind.plural}.{GROUP}.yaml"]
        assert "&id" not in text
        assert yaml.safe_load(text) == definition(kind)


@pytest.mark.parametrize(
    ("kind", "model"), [(ACTION_QUEUE_POLICY, ActionQueuePolicyStatus), (EXECUTOR_CONFIG, ExecutorConfigStatus)]
)
def test_an_object_is_born_with_a_status_that_nobody_takes_for_ready(
    kind: Kind, model: type[ActionQueuePolicyStatus | ExecutorConfigStatus]
) -> None:
    born = model.model_validate(schema(kind)["properties"]["status"]["default"])

    assert born.observed_generation == -1
    assert [(condition.type, condition.status) for condition in born.conditions] == [("Ready", ConditionStatus.UNKNOWN)]


@every_kind
def test_a_status_demands_no_field_of_an_older_operator(kind: Kind) -> None:
    demanding = [path for path, node in nodes(schema(kind)["properties"]["status"], "status") if "required" in node]

    assert demanding == ["status.conditions[]"]
