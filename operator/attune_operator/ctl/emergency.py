"""Emergency mode: what turning it on and off changes in the ExecutorConfig, and what that does to each action. Pure.

Turning it on notes in an annotation what it changed and what was there before; turning it off puts that back, but for
fields that somebody has changed since.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias, cast

from attune_operator.resources import ActionQueuePolicy, ExecutorConfigSpec
from attune_operator.resources.config import CONFIG_KIND, CONFIG_NAME
from attune_operator.resources.policy import GROUP, VERSION

MEMORY: Final = f"{GROUP}/before-emergency"
"""The annotation: `created`, `set` and `before`, the latter two by the dotted names of fields of the spec."""
_MODE: Final = "emergencyMode"
_RATE_LIMIT: Final = "apiRateLimit"

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """What emergency mode is to do; None leaves what the ExecutorConfig says.

    Attributes:
        max_queue_length: executions that may wait for any action.
        close_below_priority: actions of a lower priority take no new executions.
        close_tags: neither do actions with any of these tags.
        requests_per_minute: submitting requests that the API takes.
    """

    max_queue_length: int | None = None
    close_below_priority: int | None = None
    close_tags: tuple[str, ...] | None = None
    requests_per_minute: int | None = None

    def fields(self) -> Json:
        """The fields of the spec to be set, by their dotted names."""
        limit = self.requests_per_minute
        wanted = {
            "emergency.maxQueueLength": self.max_queue_length,
            "emergency.closeBelowPriority": self.close_below_priority,
            "emergency.closeTags": None if self.close_tags is None else list(self.close_tags),
            _RATE_LIMIT: None if limit is None else {"enabled": True, "maxRequestsPerMinute": limit},
        }
        return {_MODE: True, **{field: value for field, value in wanted.items() if value is not None}}


class Verb(StrEnum):
    """What is done to the ExecutorConfig."""

    NOTHING = "nothing"
    CREATE = "create"
    PATCH = "patch"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One field of the spec."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of one action.

    Attributes:
        policy: namespace and name.
        max_queue_length: before and after.
        closed: whether emergency mode closes it, before and after.
    """

    policy: str
    action: str
    max_queue_length: tuple[int, int]
    closed: tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is going to be done.

    Attributes:
        body: the manifest to create, or the merge patch.
        kept: fields that are not put back, since somebody has changed them since.
        effects: actions for which anything changes.
    """

    verb: Verb
    body: Json
    changes: Sequence[Change]
    kept: Sequence[str]
    effects: Sequence[Effect]

    def document(self) -> Json:
        """The plan for scripts."""
        return {
            "verb": self.verb.value,
            "changes": [{"field": each.field, "before": each.before, "after": each.after} for each in self.changes],
            "kept": list(self.kept),
            "effects": [
                {
                    "policy": each.policy,
                    "action": each.action,
                    "max_queue_length": {"before": each.max_queue_length[0], "after": each.max_queue_length[1]},
                    "closed": {"before": each.closed[0], "after": each.closed[1]},
                }
                for each in self.effects
            ],
        }


def turn_on(config: Json | None, wish: Wish, policies: Sequence[ActionQueuePolicy]) -> Plan:
    """Turn it on, or change what it does while it is on. ``config`` is the ExecutorConfig, None where there is none."""
    spec: Json = config["spec"] if config else {}
    memory = _memory(config)
    wanted = wish.fields()
    changed = {field: value for field, value in wanted.items() if _read(spec, field) != value}
    if config and not changed:
        return Plan(Verb.NOTHING, {}, (), (), ())
    undoable = {field: value for field, value in changed.items() if field != _MODE}
    noted = {
        "created": config is None or memory["created"],
        "set": {**memory["set"], **undoable},
        "before": {**{field: _read(spec, field) for field in undoable}, **memory["before"]},
    }
    metadata: Json = {"annotations": {MEMORY: json.dumps(noted, sort_keys=True)}}
    patch = _nested(changed)
    changes = [Change(field, _read(spec, field), value) for field, value in changed.items()]
    effects = _effects(spec, merged(spec, patch), policies)
    if config is None:
        manifest = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": CONFIG_KIND,
            "metadata": {"name": CONFIG_NAME, **metadata},
            "spec": patch,
        }
        return Plan(Verb.CREATE, manifest, changes, (), effects)
    body = {"metadata": {"resourceVersion": config["metadata"]["resourceVersion"], **metadata}, "spec": patch}
    return Plan(Verb.PATCH, body, changes, (), effects)


def turn_off(config: Json | None, policies: Sequence[ActionQueuePolicy]) -> Plan:
    """Turn it off, and put back what turning it on had changed beside it."""
    if config is None:
        return Plan(Verb.NOTHING, {}, (), (), ())
    spec: Json = config["spec"]
    memory = _memory(config)
    kept = [field for field, value in memory["set"].items() if _read(spec, field) != value]
    back = {field: memory["before"].get(field) for field in memory["set"] if field not in kept}
    changed = {field: value for field, value in back.items() if _read(spec, field) != value}
    if spec.get(_MODE, False):
        changed = {_MODE: False, **changed}
    if memory["created"] and not kept and _says_nothing_else(spec):
        changes = [Change(field, _read(spec, field), None) for field in changed]
        return Plan(Verb.DELETE, {}, changes, (), _effects(spec, {}, policies))
    if not changed and MEMORY not in _annotations(config):
        return Plan(Verb.NOTHING, {}, (), (), ())
    patch = _nested(changed)
    body = {
        "metadata": {"resourceVersion": config["metadata"]["resourceVersion"], "annotations": {MEMORY: None}},
        "spec": patch,
    }
    changes = [Change(field, _read(spec, field), value) for field, value in changed.items()]
    return Plan(Verb.PATCH, body, changes, kept, _effects(spec, merged(spec, patch), policies))


def merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> Json:
    """``document`` with a merge patch applied, as in RFC 7386."""
    result = dict(document)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = merged(_mapping(result.get(key)), _mapping(value))
        else:
            result[key] = value
    return result


def _effects(before: Json, after: Json, policies: Sequence[ActionQueuePolicy]) -> list[Effect]:
    effects: list[Effect] = []
    for policy in policies:
        (was_limit, was_closed), (limit, closed) = _under(before, policy), _under(after, policy)
        if (was_limit, was_closed) != (limit, closed):
            key = str(policy.metadata.key)
            effects.append(Effect(key, policy.spec.action_ref, (was_limit, limit), (was_closed, closed)))
    return effects


def _under(spec: Json, policy: ActionQueuePolicy) -> tuple[int, bool]:
    rules = ExecutorConfigSpec.model_validate(spec).rules(statistics=True)
    queue = policy.spec.queue_policy(rules.queue)
    if rules.emergency is None:
        return queue.max_queue_length, False
    return rules.emergency.relaxed(queue.max_queue_length), rules.emergency.closes(queue)


def _says_nothing_else(spec: Json) -> bool:
    """Whether the ExecutorConfig, emergency aside, says what holds without it."""
    aside = {key: value for key, value in spec.items() if key not in {_MODE, "emergency", _RATE_LIMIT}}
    return ExecutorConfigSpec.model_validate(aside) == ExecutorConfigSpec()


def _annotations(config: Json | None) -> Json:
    return (config or {}).get("metadata", {}).get("annotations") or {}


def _memory(config: Json | None) -> Json:
    """What was noted; nothing where the note is missing or not ours."""
    nothing: Json = {"created": False, "set": {}, "before": {}}
    try:
        noted = _mapping(json.loads(_annotations(config).get(MEMORY, "{}")))
    except ValueError:
        return nothing
    whole = all(isinstance(noted.get(key), type(nothing[key])) for key in nothing)
    return dict(noted) if whole else nothing


def _read(spec: Mapping[str, Any], field: str) -> Any:
    value: Any = spec
    for part in field.split("."):
        value = _mapping(value).get(part)
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _nested(fields: Mapping[str, Any]) -> Json:
    """Dotted names as the object that they stand for."""
    result: Json = {}
    for field, value in fields.items():
        *above, last = field.split(".")
        place = result
        for part in above:
            place = place.setdefault(part, {})
        place[last] = value
    return result
