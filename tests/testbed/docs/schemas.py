"""What the CRDs say, asked by documentation: whether a field exists, and what is wrong with an object or a patch."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, cast

import jsonschema_rs

from attune_operator.crds import KINDS, definition

Schema = dict[str, Any]

_PARTS: Final = ("spec", "status")


@cache
def schema(kind: str) -> Schema:
    """The schema of a kind by its name, plural or short name.

    Raises:
        KeyError: there is no such kind.
    """
    for each in KINDS:
        crd = definition(each)
        names = crd["spec"]["names"]
        if kind.lower() in {names["kind"].lower(), names["plural"], *names["shortNames"]}:
            return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    raise KeyError(kind)


def is_ours(kind: str) -> bool:
    """Whether a word names one of the project's kinds."""
    try:
        schema(kind)
    except KeyError:
        return False
    return True


def field_exists(path: str, kind: str | None = None) -> bool:
    """Whether ``spec.…`` or ``status.…`` is a field of ``kind``; of any of the kinds, where none is named."""
    kinds = [kind] if kind else [each.name for each in KINDS]
    return any(_descends(schema(each), path.split(".")) for each in kinds)


def flaws(kind: str, document: Mapping[str, Any], *, patch: bool = False) -> list[str]:
    """What the API server's validation would say; of a patch, nothing is missed that it does not have."""
    return [
        f"{'.'.join(map(str, error.instance_path)) or kind}: {error.message}"
        for error in jsonschema_rs.validator_for(_strict(schema(kind), patch=patch)).iter_errors(document)
    ]


def _strict(node: Schema, *, patch: bool) -> Schema:
    """The same without what is Kubernetes' own, and with fields that are not declared forbidden."""
    dropped = {"x-kubernetes-validations", "default", *(["required"] if patch else [])}
    result = {key: value for key, value in node.items() if key not in dropped and not key.startswith("x-")}
    if properties := cast("dict[str, Schema] | None", node.get("properties")):
        result["properties"] = {name: _strict(each, patch=patch) for name, each in properties.items()}
        result["additionalProperties"] = False
    if "items" in node:
        result["items"] = _strict(node["items"], patch=patch)
    if not set(node.get("properties", {})).isdisjoint(_PARTS):
        # What every object has besides.
        result["properties"] |= {name: {} for name in ("apiVersion", "kind", "metadata")}
    return result


def _descends(node: Schema, path: list[str]) -> bool:
    if not path:
        return True
    node = node.get("items", node)
    name = path[0].removesuffix("[]").removesuffix("[*]")
    child = cast("dict[str, Schema]", node.get("properties", {})).get(name)
    return child is not None and _descends(child, path[1:])
