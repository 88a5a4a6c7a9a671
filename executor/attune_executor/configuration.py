"""What is wrong with a configuration, in one line that names the key and the remedy; shared by every program."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError

IN_FILE: Final = "set it in the configuration file or as {variable}"
AS_OPTION: Final = "set {variable}, or the option of that name where there is one"
_LISTS: Final = frozenset({"tuple_type", "frozen_set_type"})
_SECTIONS: Final = frozenset({"model_type", "dict_type"})


class ConfigurationError(ValueError):
    """A configuration that cannot be read; the message is one line that says what to do."""


def variable_part(key: str) -> str:
    """A key as a part of a variable's name, in lower case: core.http.get as core_http_get."""
    return re.sub(r"[^a-z0-9]+", "_", key.lower())


def describe(error: ValidationError, model: type[BaseModel], remedy: str = IN_FILE) -> str:
    """All problems of ``error``, raised for ``model``, in one line; values are never repeated.

    ``remedy`` says where a key that is missing can be set.
    """
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        _describe_one(problem["loc"], problem["type"], problem["msg"], model, remedy) for problem in problems
    )


def _describe_one(location: tuple[Any, ...], kind: str, message: str, model: type[BaseModel], remedy: str) -> str:
    key = ".".join(str(part) for part in location)
    variable = "__".join(["ATTUNE", *(variable_part(str(part)).upper() for part in location)])
    if kind == "extra_forbidden":
        known = get_close_matches(str(location[-1]), _keys_at(location[:-1], model), n=1)
        return f"{key} is not a setting: " + (f"did you mean {known[0]}?" if known else "remove it")
    if kind == "missing":
        return f"{key} is required: {remedy.format(variable=variable)}"
    if kind in _LISTS:
        return f'{key}: write a list, as a variable in JSON: {variable}=["one", "another"]'
    if kind in _SECTIONS:
        return f"{key}: write its keys under it, each with its value"
    return f"{key}: {message.removeprefix('Value error, ')}"


def _keys_at(location: tuple[Any, ...], model: type[BaseModel]) -> list[str]:
    """The keys that ``model`` knows under ``location``; none where that is not a section."""
    annotation: Any = model
    for part in location:
        annotation = _annotation_at(str(part), annotation)
    section = _section(annotation)
    return [field.alias or name for name, field in section.model_fields.items()] if section else []


def _annotation_at(key: str, annotation: Any) -> Any:
    if get_origin(annotation) in {dict, Mapping}:
        return get_args(annotation)[1]
    section = _section(annotation)
    fields = section.model_fields.items() if section else ()
    return next((field.annotation for name, field in fields if key in {name, field.alias}), None)


def _section(annotation: Any) -> type[BaseModel] | None:
    """The section that ``annotation`` stands for, optional or not."""
    candidates = (annotation, *get_args(annotation))
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)), None)
