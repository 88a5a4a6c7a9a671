"""The command `doctor`."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from attune_operator.ctl.completion import policy_names
from attune_operator.ctl.doctor.evidence import Evidence
from attune_operator.ctl.doctor.finding import Severity, Thresholds
from attune_operator.ctl.doctor.gathering import gather
from attune_operator.ctl.doctor.report import report_document, show_report
from attune_operator.ctl.doctor.rounds import diagnose
from attune_operator.ctl.errors import EXIT_REFUSED
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.options import Place, Printing, Way, takes
from attune_operator.ctl.output import show_document

_RUNBOOK: Final = Thresholds()


@takes(Place, Way, Printing)
def doctor(
    place: Place,
    way: Way,
    printing: Printing,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[POLICY]...",
            help="Only these policies, or actions, and their workers.",
            autocompletion=policy_names,
        ),
    ] = None,
    stuck_after: Annotated[
        int, typer.Option(min=1, help="Seconds without a move after which a queue with work is stuck.")
    ] = _RUNBOOK.stuck_seconds,
    queue_length: Annotated[
        int, typer.Option(min=0, help="Waiting executions above which a queue is long.")
    ] = _RUNBOOK.queue_length,
    oldest: Annotated[
        int, typer.Option(min=0, help="Seconds of waiting above which the head of a queue is late.")
    ] = _RUNBOOK.oldest_seconds,
) -> None:
    """Look for what is wrong: evidence, cause, and the command that mends it.

    Walks the runbook's issues and troubleshooting trees against the live system, and changes nothing. Ends with 1 where
    it finds a fault, with 0 where all is well or there are notices only.
    """
    evidence = asyncio.run(_look(place, way, names or []))
    findings = diagnose(evidence, Thresholds(stuck_after, queue_length, oldest))
    queues = len(evidence.known_policies)
    if printing.output.for_people:
        show_report(findings, queues)
    else:
        show_document(report_document(findings, queues), printing.output)
    if any(finding.severity is not Severity.NOTICE for finding in findings):
        raise typer.Exit(EXIT_REFUSED)


async def _look(place: Place, way: Way, names: Sequence[str]) -> Evidence:
    async with Kubernetes.connect(place.context) as kubernetes:
        return await gather(kubernetes, place, way, names)
