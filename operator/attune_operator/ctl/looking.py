"""The commands that only look: status, check, capacity."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from attune_operator.ctl.capacity import Load, capacity, measured
from attune_operator.ctl.completion import policy_names
from attune_operator.ctl.errors import CtlError, UsageError
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.nagios import CRIT_THRESHOLD, WARN_THRESHOLD, State, Verdict, check_queues
from attune_operator.ctl.options import Place, Printing, takes
from attune_operator.ctl.output import Output, say, show, show_document
from attune_operator.ctl.overview import overview, overview_document
from attune_operator.ctl.queues import Queue, longest_first, queue_grid, queue_of
from attune_operator.ctl.resources import chosen, config_model, read_config, read_policies, why_old
from attune_operator.resources import ActionQueuePolicy, ExecutorConfig

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[POLICY]...", help="Names of policies, or of actions.", autocompletion=policy_names),
]


@dataclass(frozen=True, slots=True)
class _Seen:
    """The cluster at one moment; ``problem`` says why figures may be old, None while an operator leads."""

    queues: Sequence[Queue]
    problem: str | None
    config: ExecutorConfig | None


@takes(Place, Printing)
def status(place: Place, printing: Printing, names: Names = None) -> None:
    """Show the queues, longest first, and who executes them.

    Yellow and red mark what the runbook's thresholds call for.
    """
    show_status(place, names or [], printing.output)


def show_status(place: Place, names: Sequence[str], output: Output) -> None:
    """Print the queues once."""
    seen = asyncio.run(_look(place, names))
    if not output.for_people:
        document = {**overview_document(seen.config, seen.problem), "queues": [each.document() for each in seen.queues]}
        show_document(document, output)
        return
    lines = overview(seen.config, seen.problem)
    width = max(len(name) for name, _ in lines) + 3
    for name, text in lines:
        say(f"{name:<{width}}{text}")
    say()
    if not seen.queues:
        where = "any namespace" if place.policies is None else f"namespace {place.policies}"
        say(f"There is no ActionQueuePolicy in {where}.")
        return
    show(queue_grid(seen.queues, wide=output is Output.WIDE))


@takes(Place)
def check(
    place: Place,
    names: Names = None,
    warning: Annotated[
        int, typer.Option("--warning", "-w", min=0, help="Waiting executions from which on it is a warning.")
    ] = WARN_THRESHOLD,
    critical: Annotated[
        int, typer.Option("--critical", "-c", min=0, help="Waiting executions from which on it is critical.")
    ] = CRIT_THRESHOLD,
) -> None:
    """Answer Nagios or Icinga by the longest queue: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.

    UNKNOWN also where the figures may be old: a dead operator must not look like an idle one.
    """
    try:
        seen = asyncio.run(_look(place, names or []))
        verdict = check_queues(seen.queues, seen.problem, warning, critical)
    except CtlError as error:
        verdict = Verdict(State.UNKNOWN, f"UNKNOWN: {error}")
    say(verdict.text)
    raise typer.Exit(verdict.state)


@takes(Place, Printing)
def capacity_command(
    place: Place,
    printing: Printing,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[POLICY]",
            help="A policy, or its action, whose measurements count where no option is given.",
            autocompletion=policy_names,
        ),
    ] = None,
    peak: Annotated[float | None, typer.Option(min=0, help="Executions per hour at the peak.")] = None,
    duration: Annotated[float | None, typer.Option(min=0, help="Mean run time of one execution, in seconds.")] = None,
    slots: Annotated[int | None, typer.Option(min=1, help="Executions that one worker runs at a time.")] = None,
    buffer: Annotated[int | None, typer.Option(min=0, help="Reserve on top, in percent; 50 unless measured.")] = None,
) -> None:
    """Calculate the workers that a load needs, by the runbook's formula.

    The runbook's example: attune capacity --peak 10000 --duration 5 --slots 10
    """
    given = Load(peak, duration, slots, buffer)
    if name is None and (peak is None or duration is None or slots is None):
        raise UsageError("name a policy whose measurements count, or give --peak, --duration and --slots")
    result = capacity(given if name is None else given.over(measured(asyncio.run(_policy(place, name)))))
    if not printing.output.for_people:
        show_document(result.document(), printing.output)
        return
    for sentence in result.sentences():
        say(sentence)


async def _policy(place: Place, name: str) -> ActionQueuePolicy:
    async with Kubernetes.connect(place.context) as kubernetes:
        (policy,) = chosen(await read_policies(kubernetes, place.policies), [name])
        return policy


async def _look(place: Place, names: Sequence[str]) -> _Seen:
    async with Kubernetes.connect(place.context) as kubernetes:
        policies = await read_policies(kubernetes, place.policies)
        config = await read_config(kubernetes, place.operator_namespace)
        problem = await why_old(kubernetes, place.operator_namespace)
    now = datetime.now(UTC)
    queues = longest_first([queue_of(policy, now) for policy in chosen(policies, names)])
    return _Seen(queues, problem, None if config is None else config_model(config))
