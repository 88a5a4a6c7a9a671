"""The pages of reference are what the code says, and the code says something of everything."""

import ast
from pathlib import Path

import pytest

from testbed.docs import configuration, http_api
from testbed.docs.command_line import without_help
from testbed.docs.generated import files
from testbed.docs.inventory import openapi
from testbed.docs.pages import Page
from testbed.services.program import REPOSITORY


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_the_committed_page_is_the_generated_one(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "run `make generate`"


def test_every_command_argument_and_option_says_what_it_is_for() -> None:
    assert without_help() == []


def test_every_key_of_the_configuration_says_what_it_is_for() -> None:
    assert [each.path for each in configuration.every_key() if not each.meaning] == []


def test_every_parameter_object_and_field_of_the_api_says_what_it_is_for() -> None:
    assert http_api.without_meaning() == []


def test_every_request_of_the_api_has_a_heading() -> None:
    headings = {heading.text for heading in Page(next(path for path in files() if path.name == "http-api.md")).headings}
    requests = {f"{method.upper()} {path}" for path, item in openapi()["paths"].items() for method in item}
    assert requests <= headings


def codes() -> set[str]:
    """The words for programs that the API's errors are made with."""
    found: set[str] = set()
    for path in (REPOSITORY / "executor/attune_executor/api").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="ApiError"), args=[_, ast.Constant(value=str(code)), *_]):
                    found.add(code)
                case _:
                    pass
    return found


def test_every_code_of_the_apis_errors_is_told() -> None:
    assert len(codes()) > 10
    told = Page(REPOSITORY / "docs/reference/http-api.md").inline_code
    assert codes() - set(told) == set()
