"""Parameters from the command line, requests, and executions as rows."""

from datetime import UTC, datetime
from typing import Any

import pytest

from attune_operator.ctl.errors import UsageError
from attune_operator.ctl.submissions import batch, executions_grid, listed_grid, parameters, partly_refused, tally

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def test_parameters_are_json_where_they_are_that_and_text_elsewhere() -> None:
    given = parameters(["seconds=3", "url=https://example.org/?a=b", 'id="7"', "flags=[1,2]", "empty="], None)
    assert given == {"seconds": 3, "url": "https://example.org/?a=b", "id": "7", "flags": [1, 2], "empty": ""}


def test_a_pair_wins_over_the_document() -> None:
    assert parameters(["b=2"], '{"a": 1, "b": 1}') == {"a": 1, "b": 2}


@pytest.mark.parametrize(("pairs", "document"), [(["seconds"], None), (["=3"], None), ([], "{"), ([], "[1]")])
def test_what_is_no_parameter_is_refused(pairs: list[str], document: str | None) -> None:
    with pytest.raises(UsageError, match="--param"):
        parameters(pairs, document)


def test_a_request_sent_twice_is_the_same() -> None:
    assert batch("core.echo", {"a": 1}, 1, "key")["executions"] == [
        {"action_ref": "core.echo", "parameters": {"a": 1}, "idempotency_key": "key"}
    ]
    assert [each["idempotency_key"] for each in batch("core.echo", {}, 2, "key")["executions"]] == ["key-0", "key-1"]


def execution(**fields: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "action_ref": "core.echo",
        "status": "succeeded",
        "attempt": 1,
        "worker": "worker-0",
        "created": "2026-12-01T11:50:00+00:00",
        "started_at": "2026-12-01T11:55:00+00:00",
        "updated": "2026-12-01T11:56:30+00:00",
        "queue_position": None,
        "estimated_start": None,
        "parameters": {"a": 1},
        "result": None,
        **fields,
    }


def test_executions_as_rows() -> None:
    executions = [execution(), execution(status="running"), execution(status="failed", result={"error": "no"})]
    grid = executions_grid(executions, NOW, wide=True)
    assert list(grid.rows[0]) == [
        *("7", "core.echo", "succeeded", "-", "1", "worker-0", "1m30s", "10m"),
        *("-", '{"a":1}', "-"),
    ]
    assert grid.rows[1][6] == "5m"
    assert grid.styles == {2: "red"}


def test_a_list_as_rows() -> None:
    grid = listed_grid([execution(status="failed")], NOW, wide=True)
    moments = (f"2026-12-01T11:{minute}+00:00" for minute in ("50:00", "55:00", "56:30"))
    assert list(grid.rows[0]) == ["7", "core.echo", "failed", "1", "worker-0", "1m30s", "10m", *moments]
    assert grid.styles == {0: "red"}
    assert list(listed_grid([execution()], NOW, wide=False).heads)[-2:] == ["RUN TIME", "AGE"]


def test_a_fresh_receipt_as_a_row() -> None:
    receipt = {"id": 7, "action_ref": "core.echo", "status": "requested", "queue_position": 3, "duplicate": False}
    grid = executions_grid([receipt], NOW, wide=False)
    assert list(grid.rows[0]) == ["7", "core.echo", "requested", "3", "-", "-", "-", "-"]


def test_a_tally() -> None:
    assert tally([execution(), execution(), execution(status="failed")]) == "2 succeeded, 1 failed"


def test_what_was_accepted_of_a_submission_that_was_refused_in_part_is_named() -> None:
    refused = [{"error": "Queue full (max length: 2)", "code": "queue_full"}] * 3
    text = str(partly_refused([{"id": 1042}, {"id": 1043}], refused))
    assert text.startswith("2 accepted, 3 refused: Queue full (max length: 2)")
    assert text.endswith("attune get 1042 1043")
    assert str(partly_refused([], refused)) == "all 3 refused: Queue full (max length: 2)"
    assert str(partly_refused([], refused[:1])) == "Queue full (max length: 2)"
