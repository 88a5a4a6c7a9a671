"""The doctor's report: findings in sentences for people, or as a document."""

from collections.abc import Sequence
from typing import Any, Final

from rich.text import Text

from attune_operator.ctl.doctor.catalogue import CHECKS
from attune_operator.ctl.doctor.finding import Finding, Severity
from attune_operator.ctl.output import show_texts

_STYLES: Final = {Severity.CRITICAL: "bold red", Severity.WARNING: "bold yellow", Severity.NOTICE: "bold cyan"}


def report_lines(findings: Sequence[Finding], queues: int) -> list[Text]:
    """Each finding in a paragraph, and a line about all at the end."""
    lines: list[Text] = []
    for finding in findings:
        lines += [*_paragraph(finding), Text()]
    return [*lines, Text(summary(findings, queues), style="bold")]


def summary(findings: Sequence[Finding], queues: int) -> str:
    """How it all stands, in one line."""
    faults = [each for each in findings if each.severity is not Severity.NOTICE]
    looked = f"{len(CHECKS)} checks, {queues} {'queue' if queues == 1 else 'queues'}"
    if not faults:
        return f"No problem found: {looked}"
    critical = sum(each.severity is Severity.CRITICAL for each in faults)
    return f"{len(faults)} {'problem' if len(faults) == 1 else 'problems'} found, {critical} critical: {looked}"


def report_document(findings: Sequence[Finding], queues: int) -> dict[str, Any]:
    """The same for scripts."""
    return {"findings": [each.document() for each in findings], "checks": len(CHECKS), "queues": queues}


def show_report(findings: Sequence[Finding], queues: int) -> None:
    """Print it; in colour on a terminal."""
    show_texts(report_lines(findings, queues))


def _paragraph(finding: Finding) -> list[Text]:
    head = Text(f"{finding.severity.name:<8} ", style=_STYLES[finding.severity])
    head.append(finding.what, style="bold").append(f"  [{finding.id}]", style="dim")
    lines = [head]
    lines += [_line("read", each) for each in finding.evidence]
    lines.append(_line("cause", finding.cause))
    lines += [_line("follows", each) for each in finding.consequences]
    for remedy in finding.remedies:
        lines.append(_line("mend", f"{remedy.purpose}:"))
        lines.append(Text("           ").append(remedy.command, style="green"))
    lines.append(_line("runbook", finding.section))
    return lines


def _line(name: str, text: str) -> Text:
    return Text(f"  {name:<8} ", style="dim").append(text, style="not dim")
