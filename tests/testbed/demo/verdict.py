"""Was everything right? Judged from the database and from what the callers were told, not from the executor's word."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

TERMINAL = frozenset({"succeeded", "failed", "cancelled", "timeout"})


@dataclass(frozen=True)
class Row:
    """An execution as the database has it."""

    execution_id: int
    action_ref: str
    status: str
    queue_order: int
    dispatch_order: int | None
    result: Any


@dataclass(frozen=True)
class Verdict:
    """The demo's last line."""

    accepted: int
    succeeded: int
    wrong: int
    lost: int
    fifo_violations: int
    peak_workers: int
    final_workers: int
    seconds: float

    def good(self, minimum_workers: int) -> bool:
        """Whether nothing is off."""
        return (
            self.accepted == self.succeeded
            and not (self.wrong or self.lost or self.fifo_violations)
            and self.peak_workers > minimum_workers
            and self.final_workers == minimum_workers
        )

    def line(self) -> str:
        """The verdict for a script."""
        return f"DEMO {json.dumps(asdict(self))}"


def rows_of(lines: Sequence[str]) -> list[Row]:
    """Rows from JSON arrays, one a line."""
    return [Row(*json.loads(line)) for line in lines if line]


def wrong_results(rows: Sequence[Row], hashes: Mapping[int, str]) -> list[str]:
    """What executions found that is not what they should have, in words; `hashes` by execution id."""
    wrong: list[str] = []
    for row in rows:
        expected = hashes.get(row.execution_id)
        found = hash_in(row.result)
        if expected is not None and found != expected:
            wrong.append(f"execution {row.execution_id}: {row.status}, hash {found}, expected {expected}")
    return wrong


def hash_in(result: Any) -> str | None:
    """The hash that sha256sum printed, from a core.shell result."""
    if not isinstance(result, dict):
        return None
    printed: object = result.get("stdout")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON
    # sha256sum marks a name with a backslash or newline in it by a leading backslash.
    return printed.split()[0].removeprefix("\\") if isinstance(printed, str) and printed else None


def fifo_violations(rows: Sequence[Row]) -> int:
    """Executions that were first dispatched before one of the same action accepted earlier."""
    violations = 0
    by_action: dict[str, list[Row]] = {}
    for row in rows:
        by_action.setdefault(row.action_ref, []).append(row)
    for of_action in by_action.values():
        latest = 0
        for row in sorted(of_action, key=lambda row: row.queue_order):
            if row.dispatch_order is None:
                continue
            violations += row.dispatch_order < latest
            latest = max(latest, row.dispatch_order)
    return violations
