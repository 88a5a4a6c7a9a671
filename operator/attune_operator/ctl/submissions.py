"""Executions for people: parameters from the command line, requests, and what became of them. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, cast

from attune_executor.domain.execution import TERMINAL, ExecutionStatus
from attune_operator.ctl.errors import CtlError, UsageError
from attune_operator.ctl.output import Grid
from attune_operator.ctl.queues import duration, shown

MOST_AT_ONCE: Final = 1000
"""Executions that the API takes in one request, unless its `max_batch` says less."""

Json: TypeAlias = dict[str, Any]


def parameters(pairs: Sequence[str], document: str | None) -> Json:
    """The parameters of an execution.

    Args:
        pairs: `KEY=VALUE` each. A value that is JSON counts as what it is, any other as text.
        document: a JSON object; a pair wins over what it says.

    Raises:
        UsageError: either is not that.
    """
    result: object = {}
    if document is not None:
        try:
            result = json.loads(document)
        except ValueError as error:
            raise UsageError(f"--parameters is not valid JSON: {error}") from error
    if not isinstance(result, dict):
        raise UsageError('--parameters must be a JSON object, such as {"seconds": 3}')
    found = dict(cast("Json", result))
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise UsageError(f"--param {pair}: write KEY=VALUE")
        found[key] = _value(value)
    return found


def batch(action_ref: str, given: Mapping[str, Any], count: int, key: str) -> Json:
    """The body that submits ``count`` executions; sent twice it is accepted once, by ``key``."""
    return {
        "executions": [
            {
                "action_ref": action_ref,
                "parameters": dict(given),
                "idempotency_key": key if count == 1 else f"{key}-{number}",
            }
            for number in range(count)
        ]
    }


def partly_refused(accepted: Sequence[Mapping[str, Any]], refused: Sequence[Mapping[str, Any]]) -> CtlError:
    """How a submission ends of which something was refused; what was accepted runs, and is named."""
    reason = str(refused[0]["error"])
    if not accepted:
        return CtlError(reason if len(refused) == 1 else f"all {len(refused)} refused: {reason}")
    ids = " ".join(str(receipt["id"]) for receipt in accepted)
    counts = f"{len(accepted)} accepted, {len(refused)} refused"
    return CtlError(f"{counts}: {reason}; what was accepted will run, look with: attune get {ids}")


def ended(execution: Mapping[str, Any]) -> bool:
    """Whether its status never changes again."""
    return execution["status"] in TERMINAL


def succeeded(execution: Mapping[str, Any]) -> bool:
    """Whether it did what it was for."""
    return execution["status"] == ExecutionStatus.SUCCEEDED


def tally(executions: Iterable[Mapping[str, Any]]) -> str:
    """How many are in which status, the commonest first: `9 succeeded, 1 failed`."""
    counts = Counter(str(execution["status"]) for execution in executions)
    return ", ".join(f"{count} {status}" for status, count in counts.most_common())


def executions_grid(executions: Sequence[Mapping[str, Any]], now: datetime, *, wide: bool) -> Grid:
    """Executions for people, as the API shows them; of fresh receipts some columns are not known yet."""
    heads = ["ID", "ACTION", "STATUS", "POSITION", "ATTEMPT", "WORKER", "RUN TIME", "AGE"]
    rows: list[list[str]] = []
    for each in executions:
        position = shown(each.get("queue_position") or None)
        row = [*_what(each), position, *_work(each, now)]
        if wide:
            row += [shown(each.get("estimated_start")), _compact(each.get("parameters")), _compact(each.get("result"))]
        rows.append(row)
    return Grid([*heads, "STARTS", "PARAMETERS", "RESULT"] if wide else heads, rows, _failed_in_red(executions))


def listed_grid(executions: Sequence[Mapping[str, Any]], now: datetime, *, wide: bool) -> Grid:
    """Executions for people, as the API lists them: without place, parameters and result."""
    heads = ["ID", "ACTION", "STATUS", "ATTEMPT", "WORKER", "RUN TIME", "AGE"]
    moments = ("created", "started_at", "updated") if wide else ()
    rows = [[*_what(each), *_work(each, now), *(shown(each[name]) for name in moments)] for each in executions]
    return Grid([*heads, "CREATED", "STARTED", "UPDATED"] if wide else heads, rows, _failed_in_red(executions))


def _what(execution: Mapping[str, Any]) -> list[str]:
    return [shown(execution[name]) for name in ("id", "action_ref", "status")]


def _work(execution: Mapping[str, Any], now: datetime) -> list[str]:
    """Attempt, worker, run time and age."""
    created, started, updated = (_moment(execution.get(name)) for name in ("created", "started_at", "updated"))
    until = updated if ended(execution) else now
    ran = None if started is None or until is None else (until - started).total_seconds()
    age = None if created is None else (now - created).total_seconds()
    return [shown(execution.get("attempt")), shown(execution.get("worker")), duration(ran), duration(age)]


def _failed_in_red(executions: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    return {number: "red" for number, each in enumerate(executions) if ended(each) and not succeeded(each)}


def _compact(value: object) -> str:
    return shown(None) if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
