"""What is wrong with a configuration, in one line that names the key and the remedy; shared by every program."""

from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, ValidationError

IN_FILE: Final = "set it in the configuration file or as {variable}"
AS_OPTION: Final = "set {variable}, or the option of that name where there is one"


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
    variable = "__".join(["ATTUNE", *(str(part).upper() for part in location)])
    if kind == "extra_forbidden":
        known = get_close_matches(str(location[-1]), _keys_at(location[:-1], model), n=1)
        return f"{key} is not a setting: " + (f"did you mean {known[0]}?" if known else "remove it")
    if kind == "missing":
        return f"{key} is required: {remedy.format(variable=variable)}"
    return f"{key}: {message.removeprefix('Value error, ')}"


def _keys_at(location: tuple[Any, ...], model: type[BaseModel]) -> list[str]:
    """The keys that ``model`` knows under ``location``; none where that is not a section."""
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return []
        model = field.annotation
    return list(model.model_fields)
