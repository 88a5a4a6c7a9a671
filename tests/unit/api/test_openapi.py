"""The published description says what the API does."""

from collections.abc import Iterator
from typing import Any

import pytest

from attune_executor.adapters.everybody_here import EverybodyHere
from attune_executor.api.app import create_api
from attune_executor.api.service import AbsentHistory, AbsentService
from attune_executor.api.settings import ApiSettings

GUARDED = {"401", "403", "503"}
OPERATIONS = {
    ("/api/v1/executions", "post"): {"201", "207", "404", "409", "413", "422", "429", *GUARDED},
    ("/api/v1/executions", "get"): {"200", "404", "422", *GUARDED},
    ("/api/v1/executions/{execution_id}/cancel", "post"): {"202", "404", "409", "413", "422", *GUARDED},
    ("/api/v1/executions/{execution_id}/complete", "post"): {"200", "404", "409", "413", "422", *GUARDED},
    ("/api/v1/executions/stuck", "get"): {"200", "404", "422", *GUARDED},
    ("/api/v1/executions/{execution_id}", "get"): {"200", "404", "422", *GUARDED},
    ("/api/v1/actions/{ref}/queue-stats", "get"): {"200", "404", *GUARDED},
    ("/api/v1/actions/{ref}/purge", "post"): {"200", "404", "409", "413", "422", *GUARDED},
    ("/api/v1/queues", "get"): {"200", *GUARDED},
    ("/api/v1/actions/{ref}/waiting", "get"): {"200", "404", "422", *GUARDED},
    ("/api/v1/stream", "get"): {"200", "422", *GUARDED},
    ("/api/v1/permissions", "get"): {"200", "422", *GUARDED},
    ("/api/v1/throughput", "get"): {"200", "404", *GUARDED},
    ("/api/v1/health", "get"): {"200", *GUARDED},
    ("/api/v1/maintenance", "get"): {"200", *GUARDED},
    ("/api/v1/maintenance/{task}/run", "post"): {"202", "404", "409", "413", *GUARDED},
    ("/api/v1/growth", "get"): {"200", "404", "422", *GUARDED},
    ("/api/v1/queue-growth", "get"): {"200", *GUARDED},
    ("/livez", "get"): {"200", "503"},
    ("/readyz", "get"): {"200", "503"},
    ("/metrics", "get"): {"200", *GUARDED},
}


@pytest.fixture
def document() -> dict[str, Any]:
    return create_api(AbsentService(), ApiSettings(), history=AbsentHistory(), authorizer=EverybodyHere()).openapi()


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():  # pyright: ignore[reportUnknownVariableType] - any JSON
            if key == "$ref":
                yield str(value)  # pyright: ignore[reportUnknownArgumentType] - any JSON
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:  # pyright: ignore[reportUnknownVariableType] - any JSON
            yield from references(item)


def test_every_route_lists_every_answer(document: dict[str, Any]) -> None:
    found = {
        (path, method): set(operation["responses"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert found == OPERATIONS


def test_every_error_is_described_in_the_one_shape(document: dict[str, Any]) -> None:
    for (path, method), statuses in OPERATIONS.items():
        for status in statuses - {"200", "201", "202", "207"}:
            content = document["paths"][path][method]["responses"][status]["content"]["application/json"]
            assert "#/components/schemas/ErrorBody" in set(references(content)), (path, method, status)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known
    assert document["paths"]["/api/v1/executions"]["post"]["requestBody"]["required"]


def test_all_but_health_and_the_description_itself_ask_for_a_token(document: dict[str, Any]) -> None:
    asking = {
        (path, method)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if operation.get("security") == [{"bearer": []}]
    }
    assert asking == OPERATIONS.keys() - {("/livez", "get"), ("/readyz", "get")}
    assert document["components"]["securitySchemes"]["bearer"] == {"type": "http", "scheme": "bearer"}
