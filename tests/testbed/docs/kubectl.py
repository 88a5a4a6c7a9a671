"""What can be told of a kubectl command without a cluster: its verb, the objects that it names, what it patches."""

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from testbed.docs import inventory, schemas

_VERBS: Final = frozenset(
    [
        "annotate",
        "apply",
        "auth",
        "cluster-info",
        "config",
        "create",
        "delete",
        "describe",
        "diff",
        "events",
        "exec",
        "explain",
        "get",
        "label",
        "logs",
        "patch",
        "port-forward",
        "rollout",
        "scale",
        "set",
        "top",
        "version",
        "wait",
    ]
)
_NAMESPACED: Final = ("-n", "--namespace")
_ACTIONS: Final = {"rollout": 1, "create": 1, "set": 1, "top": 1, "config": 1, "auth": 1}
"""Verbs that are followed by a word of their own."""
_OURS: Final = frozenset({"executorconfig", "executorconfigs", "aec"})


def kubectl(words: Sequence[str], missing_path: Callable[[str], str | None]) -> str | None:
    """What would not work; None: nothing that can be told."""
    rest = list(words[1:])
    if "--" in rest:
        rest = rest[: rest.index("--")]
    for flag in _NAMESPACED:
        while flag in rest:
            at = rest.index(flag)
            del rest[at : at + 2]
    if not rest or rest[0] not in _VERBS:
        return f"{' '.join(words)}: no verb that is known here"
    checks = (_paths(rest, missing_path), _selector(rest), _patch(rest), _objects(rest))
    return next((f"{' '.join(words)}: {found}" for found in checks if found), None)


def _value(words: Sequence[str], *flags: str) -> str | None:
    for flag, value in pairwise(words):
        if flag in flags:
            return value
    return next((word.partition("=")[2] for word in words for flag in flags if word.startswith(f"{flag}=")), None)


def _paths(words: Sequence[str], missing_path: Callable[[str], str | None]) -> str | None:
    follows = words[0] == "logs"
    path = _value(words, "-k", "--kustomize", *([] if follows else ["-f", "--filename"]))
    return missing_path(path) if path and path != "-" else None


def _selector(words: Sequence[str]) -> str | None:
    selector = _value(words, "-l", "--selector")
    unknown = [each for each in (selector or "").split(",") if each and each not in inventory.labels()]
    return f"nothing has the label {unknown[0]}" if unknown else None


def _patch(words: Sequence[str]) -> str | None:
    patch = _value(words, "-p", "--patch")
    if words[0] != "patch" or patch is None:
        return None
    kind = words[1].partition("/")[0]
    if not schemas.is_ours(kind):
        return None
    return "; ".join(schemas.flaws(kind, json.loads(patch), patch=True)) or None


def _objects(words: Sequence[str]) -> str | None:
    """Objects named ``kind/name`` are those of the manifests; of the project's kinds, the name is the user's."""
    for word in words[1 + _ACTIONS.get(words[0], 0) :]:
        kind, slash, name = word.partition("/")
        if not slash or kind == "manifests" or not kind.isalpha() or "=" in word or not name.replace("-", "").isalnum():
            continue
        if schemas.is_ours(kind):
            if kind in _OURS and name != "executor":
                return f"the ExecutorConfig is named executor, not {name}"
        elif not inventory.has_object(kind, name):
            return f"the manifests have no {word}"
    return None
