"""What the project has that documentation may name: objects and labels of the manifests, targets, paths of the API."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, cast

import yaml

from attune_executor.adapters.everybody_here import EverybodyHere
from attune_executor.api.app import create_api
from attune_executor.api.service import AbsentHistory, AbsentService
from attune_executor.settings import ApiSettings
from attune_operator.scaling import DecisionHistory
from testbed.services.program import REPOSITORY

_MANIFESTS: Final = REPOSITORY / "manifests"
_ABBREVIATIONS: Final = {"deploy": "deployment", "svc": "service", "sa": "serviceaccount", "cm": "configmap"}


@cache
def objects() -> frozenset[tuple[str, str]]:
    """Kind, in lower case, and name of every object of the manifests."""
    return frozenset((str(each["kind"]).lower(), str(each["metadata"]["name"])) for each in _all_objects())


@cache
def labels() -> frozenset[str]:
    """``name=value`` of every label of the manifests, and of those that the operator gives."""
    found = {"attune.io/role=leader"}
    for each in _all_objects():
        found |= {f"{name}={value}" for name, value in _labels(each)}
    return frozenset(found)


def has_object(kind: str, name: str) -> bool:
    """Whether the manifests have an object, its kind named as kubectl takes it."""
    kind = kind.lower()
    kinds = {_ABBREVIATIONS.get(kind, kind), _ABBREVIATIONS.get(kind.removesuffix("s"), kind.removesuffix("s"))}
    return any((each, name) in objects() for each in kinds)


@cache
def make_targets() -> frozenset[str]:
    """What ``make`` can be told."""
    return frozenset(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@cache
def image_targets() -> frozenset[str]:
    """The stages of the Dockerfile."""
    return frozenset(
        re.findall(r"^FROM .* AS (\S+)$", (REPOSITORY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    )


@cache
def openapi() -> dict[str, Any]:
    """The HTTP API as the operator serves it, which is all of it."""
    api = create_api(
        AbsentService(),
        ApiSettings(),
        history=AbsentHistory(),
        authorizer=EverybodyHere(),
        scaling=DecisionHistory(),
    )
    return api.openapi()


def has_endpoint(method: str, path: str) -> bool:
    """Whether the API answers a request; path as in the description, or with values, and with a query or without."""
    path, _, query = path.partition("?")
    for template, item in cast("dict[str, dict[str, Any]]", openapi()["paths"]).items():
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
        operation = item.get(method.lower())
        if operation is not None and re.fullmatch(pattern, path):
            known = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
            return all(part.partition("=")[0] in known for part in query.split("&") if part)
    return False


@cache
def _all_objects() -> list[dict[str, Any]]:
    return list(_read())


def _read() -> Iterator[dict[str, Any]]:
    for path in sorted(_MANIFESTS.rglob("*.yaml")):
        if "chart" in path.parts or "monitoring" in path.parts[-2:-1]:
            continue
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if isinstance(document, dict):
                item = cast("dict[str, Any]", document)
                if "kind" in item and "name" in item.get("metadata", {}):
                    yield item


def _labels(node: object) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in cast("dict[str, Any]", node).items():
            if key in {"labels", "matchLabels"} and isinstance(value, dict):
                yield from cast("dict[str, str]", value).items()
            else:
                yield from _labels(value)
    elif isinstance(node, list):
        for each in cast("list[Any]", node):
            yield from _labels(each)
