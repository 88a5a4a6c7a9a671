"""Checks an execution's parameters against what the action's function takes."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

_NO_KEYWORD: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)


class InvalidParametersError(ValueError):
    """The parameters do not fit; the text names each field and what is wrong with it."""


class Parameters:
    """The parameters of one function, as its signature declares them.

    A function with a single parameter that is a pydantic model takes the whole object as that model. Otherwise each
    parameter is a field of the object, its default is the field's, and ``**others`` takes any further fields.

    Raises:
        TypeError: when the signature cannot be filled from a JSON object.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        signature = inspect.signature(function).parameters
        hints = get_type_hints(function, include_extras=True)
        for name, parameter in signature.items():
            if parameter.kind in _NO_KEYWORD:
                raise TypeError(f"{function.__qualname__}: parameter {name!r} cannot be given by name")
            if name not in hints:
                raise TypeError(f"{function.__qualname__}: parameter {name!r} needs a type annotation")
        self._whole: str | None = None
        self._names: dict[str, str] = {}
        if len(signature) == 1 and _is_model(hint := hints[next(iter(signature))]):
            self._whole = next(iter(signature))
            self._model: type[BaseModel] = hint
        else:
            self._model = self._from_signature(function.__qualname__, signature, hints)

    def bind(self, document: bytes) -> dict[str, Any]:
        """The keyword arguments that ``document``, a JSON object, stands for.

        Raises:
            InvalidParametersError: when it does not fit.
        """
        try:
            values = self._model.model_validate_json(document)
        except ValidationError as error:
            raise InvalidParametersError(_describe(error)) from error
        if self._whole is not None:
            return {self._whole: values}
        return {name: getattr(values, field) for field, name in self._names.items()} | (values.model_extra or {})

    def _from_signature(
        self, function: str, signature: Mapping[str, inspect.Parameter], hints: Mapping[str, Any]
    ) -> type[BaseModel]:
        fields: dict[str, Any] = {}
        extra = "forbid"
        for position, (name, parameter) in enumerate(signature.items()):
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                extra = "allow"
                continue
            # Under a name of its own: "json" and "copy" are parameters as good as any, and methods of a model.
            field = f"parameter_{position}"
            self._names[field] = name
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            fields[field] = (hints[name], Field(default, alias=name))
        config = ConfigDict(extra=extra, arbitrary_types_allowed=False)  # pyright: ignore[reportArgumentType] - one of two literals
        return create_model(f"{function} parameters", __config__=config, **fields)


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def _describe(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'parameters'}: {problem['msg']}" for problem in problems
    )
