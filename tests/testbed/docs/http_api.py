"""What the page of the HTTP API has of the API's own description, between comments; the prose around it is written."""

import re
from collections.abc import Iterator
from typing import Any, Final, cast

from testbed.docs.inventory import openapi
from testbed.services.program import REPOSITORY

REFERENCE: Final = REPOSITORY / "docs/reference/http-api.md"
_PART: Final = "<!-- {}: written by `make generate` from the API's own description -->\n"
_END: Final = "<!-- end of {} -->"
_GATES: Final = frozenset({"401", "403"})
Schema = dict[str, Any]


def reference() -> str:
    """The page, with its generated parts anew.

    Raises:
        ValueError: a part's comments are missing.
    """
    text = REFERENCE.read_text(encoding="utf-8")
    parts = {"requests": _requests(), "objects": _objects()}
    for name, lines in parts.items():
        before, begin, rest = text.partition(_PART.format(name))
        _, end, after = rest.partition(_END.format(name))
        if not end:
            raise ValueError(f"{REFERENCE}: no part {name}")
        text = "\n".join([before + begin, *lines, end + after])
    return text


def without_meaning() -> list[str]:
    """Parameters, objects and fields of objects that say nothing of themselves."""
    found = [
        f"{method.upper()} {path}: {each['name']}"
        for path, item in cast("dict[str, Schema]", openapi()["paths"]).items()
        for method, operation in item.items()
        for each in _shown_parameters(operation)
        if not _meaning(each)
    ]
    for name, schema in cast("dict[str, Schema]", openapi()["components"]["schemas"]).items():
        found += [] if schema.get("description") else [name]
        found += [
            f"{name}.{field}" for field, node in schema.get("properties", {}).items() if not node.get("description")
        ]
    return found


def _requests() -> Iterator[str]:
    """Every request: what it is for, its parameters, and what it is answered."""
    operations = [
        (method.upper(), path, operation)
        for path, item in cast("dict[str, Schema]", openapi()["paths"]).items()
        for method, operation in item.items()
    ]
    yield from ("| request | |", "|---|---|")
    yield from (
        f"| [`{method} {path}`](#{_anchor(method, path)}) | {_cell(each['summary'])} |"
        for method, path, each in operations
    )
    yield ""
    for method, path, operation in operations:
        yield from (f"### {method} {path}", "", f"{operation['summary'].rstrip('.')}.", "")
        if description := operation.get("description"):
            yield from (" ".join(description.split()), "")
        if body := operation.get("requestBody"):
            yield from (f"Body: {_of(body['content']['application/json']['schema'])}.", "")
        if parameters := [_parameter(each) for each in _shown_parameters(operation)]:
            yield from ("| parameter | in | type | default | meaning |", "|---|---|---|---|---|", *parameters, "")
        yield from ("| answer | when | body |", "|---|---|---|")
        yield from (_answer(code, each) for code, each in sorted(operation["responses"].items()))
        yield ""


def _objects() -> Iterator[str]:
    """Every object that is sent or answered."""
    schemas = cast("dict[str, Schema]", openapi()["components"]["schemas"])
    for name, schema in sorted(schemas.items()):
        if not schema.get("properties"):
            continue
        yield from (f"### {name}", "", " ".join(schema.get("description", "").split()), "")
        yield from ("| field | type | meaning |", "|---|---|---|")
        required = schema.get("required", ())
        for field, node in schema["properties"].items():
            of = _of(node) + ("" if field in required else ", optional")
            yield f"| `{field}` | {of} | {_cell(node.get('description', ''))} |"
        yield ""


def _anchor(method: str, path: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", f"{method}-{path}".lower())


def _parameter(parameter: Schema) -> str:
    schema = parameter["schema"]
    default = schema.get("default")
    shown = "required" if parameter.get("required") else "" if default is None else f"`{default}`"
    return f"| `{parameter['name']}` | {parameter['in']} | {_of(schema)} | {shown} | {_cell(_meaning(parameter))} |"


def _shown_parameters(operation: Schema) -> list[Schema]:
    """All but the header that every HTTP client sends by itself."""
    return [each for each in operation.get("parameters", ()) if each["name"] != "accept"]


def _meaning(parameter: Schema) -> str:
    return str(parameter.get("description") or parameter["schema"].get("description") or "")


def _answer(code: str, answer: Schema) -> str:
    when = {"Successful Response": "done"}.get(answer["description"], answer["description"])
    content = cast("dict[str, Schema]", answer.get("content", {}))
    body = ", ".join(_of(each["schema"]) if each.get("schema") else kind for kind, each in content.items())
    return f"| {code} | {_cell(when)} | {body} |"


def _of(schema: Schema) -> str:
    """The type of a value, for people."""
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        target = openapi()["components"]["schemas"][name]
        return f"[{name}](#{name.lower()})" if target.get("properties") else _of(target)
    if "enum" in schema:
        return " \\| ".join(f"`{each}`" for each in schema["enum"])
    if alternatives := schema.get("anyOf"):
        return " or ".join(_of(each) for each in alternatives)
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_of(schema['items'])}"
    kind = {"string": "text"}.get(kind, kind)
    low, high = schema.get("minimum"), schema.get("maximum")
    far = high is not None and high > 2**53
    if low is not None:
        kind += f", {low} or more" if high is None or far else f", {low} to {high}"
    return "time, RFC 3339" if schema.get("format") == "date-time" else kind


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|").replace("``", "`")
