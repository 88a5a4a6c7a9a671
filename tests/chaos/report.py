"""The verdict for people, as tables."""

from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chaos.checker import Verdict

_SHOWN: Final = 10


def show(console: Console, verdict: Verdict) -> None:
    """Print what was done, what was found, and how full each action's slots were."""
    done = Table("Blow", title="blows", title_justify="left")
    done.add_column("Times", justify="right")
    for blow, count in verdict.blows.items():
        done.add_row(blow, str(count))
    console.print(done)
    slots = Table("Action", title="executions of an action that ran at a time", title_justify="left")
    for heading in ("Limit", "Most", "With stale runs"):
        slots.add_column(heading, justify="right")
    for action, each in verdict.occupations.items():
        slots.add_row(action, str(each.limit), str(each.peak), str(each.peak_with_stale))
    console.print(slots)
    found = Table("Guarantee", title="violations", title_justify="left")
    found.add_column("Violations", justify="right")
    for kind, count in verdict.by_kind().items():
        found.add_row(kind, str(count), style="red" if count else "green")
    console.print(found)
    reruns = verdict.reruns
    causes = ", ".join(f"{count} after {cause}" for cause, count in reruns.by_cause.most_common())
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(verdict.statuses.items()))
    console.print(f"{verdict.accepted} accepted: {statuses}", soft_wrap=True)
    console.print(
        f"{verdict.runs} runs, {reruns.total} of them again ({causes or 'none'}); {reruns.overlapping_self} beside an"
        f" earlier run of the same execution, {reruns.after_end} after its end",
        soft_wrap=True,
    )
    for violation in verdict.violations[:_SHOWN]:
        console.print(f"[red]{violation.kind}[/red] {escape(violation.what)}", soft_wrap=True)
    if len(verdict.violations) > _SHOWN:
        console.print(f"… and {len(verdict.violations) - _SHOWN} more in violations.txt")
