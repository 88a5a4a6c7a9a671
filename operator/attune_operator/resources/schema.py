"""What every model of a custom resource shares: camelCase on the wire, docstrings as descriptions, rules with a remedy.

The models are the one source of truth: the CRD's schema, its CEL rules and what `kubectl explain` prints are generated
from them, and the operator reads objects through them.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class ResourceModel(BaseModel):
    """A part of a custom resource. Unknown fields are ignored: a newer CRD may know more than this operator."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        frozen=True,
        extra="ignore",
    )


def rules(*expression_and_message: tuple[str, str]) -> dict[str, Any]:
    """CEL rules for ``json_schema_extra``: each an expression and what to do where it does not hold."""
    return {
        "x-kubernetes-validations": [
            {"rule": expression, "message": message} for expression, message in expression_and_message
        ]
    }


def between(minimum: int, maximum: int, message: str, **field_arguments: Any) -> Any:
    """A whole number in a range, checked here, by the API server and by offline linters alike.

    ``minimum`` and ``maximum`` stay in the schema for tools that do not run CEL; the CEL rule adds the remedy, which
    the API server's own wording lacks.
    """
    return Field(
        ge=minimum,
        le=maximum,
        json_schema_extra=rules((f"self >= {minimum} && self <= {maximum}", message)),
        **field_arguments,
    )
