"""Structural schemas, as CustomResourceDefinitions want them, from pydantic's JSON schemas.

A structural schema knows neither references nor null: what pydantic writes is inlined and stripped of them.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

Schema = dict[str, Any]

_KEPT: Final = (
    "type",
    "format",
    "enum",
    "default",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "required",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)
"""What a structural schema has in common with JSON schema, in the order in which it is written."""


def structural(node: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Schema:
    """The structural schema of a node of pydantic's JSON schema.

    Raises:
        ValueError: when a model uses what a structural schema cannot say, such as a union of two types.
    """
    node = dict(node)
    if alternatives := cast("list[Schema]", node.pop("anyOf", [])):
        present = [alternative for alternative in alternatives if alternative.get("type") != "null"]
        if len(present) != 1:
            raise ValueError(f"a structural schema has no unions: give {node.get('title')} one type")
        node = {**present[0], **node}
    if reference := node.pop("$ref", None):
        node = {**definitions[reference.rpartition("/")[2]], **node}

    result: Schema = {}
    if "description" in node:
        result["description"] = " ".join(node["description"].split())
    # The default of an optional field is absence: null and empty lists would only be stored with every object.
    result |= {key: node[key] for key in _KEPT if key in node and not (key == "default" and node[key] in (None, []))}
    if "properties" in node:
        result["properties"] = {name: structural(child, definitions) for name, child in node["properties"].items()}
    if "items" in node:
        result["items"] = structural(node["items"], definitions)
    return result


def without_requirements(schema: Schema) -> Schema:
    """A status schema in which no object demands a field, list entries aside.

    During an upgrade an operator of the previous release writes statuses under the new release's CRD: what that one
    demands and the other does not know would keep every status from being written.
    """
    properties = cast("dict[str, Schema]", schema.get("properties", {}))
    relaxed = {key: value for key, value in schema.items() if key != "required"}
    if properties:
        relaxed["properties"] = {name: without_requirements(child) for name, child in properties.items()}
    return relaxed
