"""Parameters are what the function's signature says, and errors name the field."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from attune_executor.worker.parameters import InvalidParametersError, Parameters


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    item: str
    count: Annotated[int, Field(ge=1)] = 1


def plain(url: str, timeout: Annotated[float, Field(gt=0)] = 5.0, when: datetime | None = None) -> None: ...
def shadowing(json: str, copy: int, model_config: bool) -> None: ...
def whole(order: Order) -> None: ...
def nested(order: Order, tags: set[str]) -> None: ...
def open_ended(first: int, **others: Any) -> None: ...
def nothing() -> None: ...


@pytest.mark.parametrize(
    ("function", "document", "arguments"),
    [
        (plain, b'{"url": "u"}', {"url": "u", "timeout": 5.0, "when": None}),
        (
            plain,
            b'{"url": "u", "timeout": 1, "when": "2030-01-02T03:04:05"}',
            {"url": "u", "timeout": 1.0, "when": datetime(2030, 1, 2, 3, 4, 5)},  # noqa: DTZ001 - as written above
        ),
        (
            shadowing,
            b'{"json": "a", "copy": 1, "model_config": true}',
            {"json": "a", "copy": 1, "model_config": True},
        ),
        (whole, b'{"item": "pen", "count": 2}', {"order": Order(item="pen", count=2)}),
        (
            nested,
            b'{"order": {"item": "pen"}, "tags": ["a", "a"]}',
            {"order": Order(item="pen"), "tags": {"a"}},
        ),
        (open_ended, b'{"first": 1, "second": [2]}', {"first": 1, "second": [2]}),
        (nothing, b"{}", {}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_json_object_becomes_keyword_arguments(
    function: Callable[..., Any], document: bytes, arguments: dict[str, Any]
) -> None:
    assert Parameters(function).bind(document) == arguments


@pytest.mark.parametrize(
    ("function", "document", "problem"),
    [
        (plain, b"{}", "url: Field required"),
        (plain, b'{"url": "u", "timeout": 0}', "timeout: Input should be greater than 0"),
        (plain, b'{"url": "u", "tiemout": 1}', "tiemout: Extra inputs are not permitted"),
        (plain, b'{"url": 1, "timeout": "x"}', "url: Input should be a valid string; timeout: Input should be"),
        (whole, b'{"item": "pen", "count": 0}', "count: Input should be greater than or equal to 1"),
        (nested, b'{"order": {}, "tags": []}', "order.item: Field required"),
        (nothing, b'{"a": 1}', "a: Extra inputs are not permitted"),
        (plain, b'{"url": "\xff"}', "parameters: Invalid JSON"),
    ],
)
def test_what_does_not_fit_is_named(function: Callable[..., Any], document: bytes, problem: str) -> None:
    with pytest.raises(InvalidParametersError) as raised:
        Parameters(function).bind(document)
    assert problem in str(raised.value)


def positional_only(a: int, /) -> None: ...
def variadic(*a: int) -> None: ...
def untyped(a) -> None: ...  # noqa: ANN001 # pyright: ignore - that is the case


UNFIT: list[Any] = [positional_only, variadic, untyped]


@pytest.mark.parametrize("function", UNFIT)
def test_a_signature_that_json_cannot_fill_is_refused_at_once(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=f"{function.__name__}: parameter 'a'"):
        Parameters(function)
