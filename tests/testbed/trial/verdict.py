"""Was everything right? Judged from the database and from what the caller was told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from testbed.demo.verdict import Row, fifo_violations


@dataclass(frozen=True)
class Verdict:
    """What came of one action's executions.

    Attributes:
        accepted: executions that the API took.
        succeeded: of these, with status succeeded.
        wrong: whose result is not what it should be.
        overtaken: that were dispatched before one accepted earlier.
        limit: its concurrency limit.
        peak: most of its executions seen active at once.
    """

    action: str
    accepted: int
    succeeded: int
    wrong: int
    overtaken: int
    limit: int
    peak: int

    @property
    def good(self) -> bool:
        """Whether nothing is off."""
        return self.accepted == self.succeeded and not (self.wrong or self.overtaken) and self.peak <= self.limit


def judge(
    rows: Sequence[Row],
    expected: Mapping[int, Mapping[str, Any]],
    limits: Mapping[str, int],
    peaks: Mapping[str, int],
) -> list[Verdict]:
    """One verdict for each action of `limits`; `expected` says by execution id what its result must hold."""
    verdicts: list[Verdict] = []
    by_id = {row.execution_id: row for row in rows}
    refs = {execution_id: by_id[execution_id].action_ref for execution_id in expected if execution_id in by_id}
    lost = len(expected) - len(refs)
    for action, limit in limits.items():
        own = [by_id[execution_id] for execution_id, ref in refs.items() if ref == action]
        verdicts.append(
            Verdict(
                action=action,
                accepted=len(own),
                succeeded=sum(row.status == "succeeded" for row in own),
                wrong=sum(not _holds(row.result, expected[row.execution_id]) for row in own),
                overtaken=fifo_violations(own),
                limit=limit,
                peak=peaks.get(action, 0),
            )
        )
    if lost:
        verdicts.append(Verdict("in no queue", lost, 0, 0, 0, 0, 0))
    return verdicts


def _holds(result: Any, expected: Mapping[str, Any]) -> bool:
    return isinstance(result, dict) and expected.items() <= result.items()  # pyright: ignore[reportUnknownMemberType] - JSON


def table(verdicts: Sequence[Verdict], seconds: float) -> Table:
    """The verdicts for people."""
    total = sum(verdict.succeeded for verdict in verdicts)
    drawn = Table(title=f"{total} executions in bursts, done after {seconds:.1f} s", title_justify="left")
    drawn.add_column("Action", no_wrap=True)
    for heading in ("Accepted", "Succeeded", "Wrong", "Overtaken", "Peak / limit"):
        drawn.add_column(heading, justify="right")
    drawn.add_column("")
    for verdict in verdicts:
        drawn.add_row(
            verdict.action,
            str(verdict.accepted),
            str(verdict.succeeded),
            str(verdict.wrong),
            str(verdict.overtaken),
            f"{verdict.peak} / {verdict.limit}",
            "[green]✓[/green]" if verdict.good else "[red]✗[/red]",
        )
    return drawn


def line(verdicts: Sequence[Verdict], seconds: float) -> str:
    """The verdicts for a script."""
    return f"TRY {json.dumps({'seconds': round(seconds, 1), 'actions': [asdict(verdict) for verdict in verdicts]})}"
