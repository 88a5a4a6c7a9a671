"""The commands `emergency on` and `emergency off`."""

import asyncio
import json
from typing import Annotated, Any

import typer

from attune_operator.ctl.asking import DryRun, Yes, confirm
from attune_operator.ctl.emergency import Plan, Verb, Wish, turn_off, turn_on
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.options import Place, Printing, takes
from attune_operator.ctl.output import Grid, Output, say, show, show_document
from attune_operator.ctl.resources import carry_out, emergency_in_force, read_config, read_policies

emergency = typer.Typer(help="Relax the queues' limits and close what matters less, and undo it.", no_args_is_help=True)


@emergency.command("on")
@takes(Place, Printing)
def emergency_on(
    place: Place,
    printing: Printing,
    max_queue_length: Annotated[
        int | None, typer.Option(min=0, help="Executions that may wait for any action.")
    ] = None,
    close_below_priority: Annotated[
        int | None, typer.Option(min=0, max=11, help="Actions of a lower priority take no new executions.")
    ] = None,
    close_tag: Annotated[
        list[str] | None, typer.Option(help="Nor do actions with this tag; can be given more than once.")
    ] = None,
    rate_limit: Annotated[
        int | None, typer.Option(min=1, help="Submitting requests per minute that the API takes.")
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Turn emergency mode on, or change what it does; shows first what will change.

    What is not given is as the ExecutorConfig says.
    """
    wish = Wish(max_queue_length, close_below_priority, tuple(close_tag) if close_tag else None, rate_limit)
    asyncio.run(_change(place, printing.output, wish, yes=yes, dry_run=dry_run))


@emergency.command("off")
@takes(Place, Printing)
def emergency_off(place: Place, printing: Printing, yes: Yes = False, dry_run: DryRun = False) -> None:
    """Turn emergency mode off and put back what `on` changed; shows first what will change."""
    asyncio.run(_change(place, printing.output, None, yes=yes, dry_run=dry_run))


async def _change(place: Place, output: Output, wish: Wish | None, *, yes: bool, dry_run: bool) -> None:
    """Turn it on as wished; off where nothing is."""
    namespace, state = place.operator_namespace, "off" if wish is None else "on"
    async with Kubernetes.connect(place.context) as kubernetes:
        policies = await read_policies(kubernetes, place.policies)
        config = await read_config(kubernetes, namespace)
        plan = turn_off(config, policies) if wish is None else turn_on(config, wish, policies)
        if output.for_people:
            _explain(plan, namespace, state)
        if plan.verb is not Verb.NOTHING and not dry_run:
            if not yes:
                confirm("Change that?", output)
            written = await carry_out(kubernetes, namespace, plan, config)
            if written is not None:
                generation = written["metadata"]["generation"]
                await emergency_in_force(kubernetes, namespace, generation, wanted=wish is not None)
            if output.for_people:
                holds = "The operator's configuration file holds again, within seconds."
                say(holds if written is None else f"Emergency mode is {state}.")
        if not output.for_people:
            show_document(plan.document(), output)


def _explain(plan: Plan, namespace: str, state: str) -> None:
    config = f"ExecutorConfig {namespace}/executor"
    if plan.verb is Verb.NOTHING:
        say(f"Emergency mode is {state} already, as wanted: nothing changes.")
        return
    if plan.verb is Verb.CREATE:
        say(f"{config} will be made. While it is there, it holds instead of the operator's configuration file.")
    elif plan.verb is Verb.DELETE:
        say(f"{config} will be deleted: turning emergency mode on had made it.")
    else:
        say(f"{config} will change.")
    changes = [[each.field, _shown(each.before), _shown(each.after)] for each in plan.changes]
    show(Grid(["FIELD", "NOW", "THEN"], changes, {}))
    for field in plan.kept:
        say(f"{field} stays as it is: somebody has changed it since.")
    if plan.effects:
        rows = [
            [each.policy, each.action, *map(str, each.max_queue_length), *map(_yes_or_no, each.closed)]
            for each in plan.effects
        ]
        show(Grid(["POLICY", "ACTION", "MAX QUEUE", "THEN", "CLOSED", "THEN"], rows, {}))


def _shown(value: Any) -> str:
    return "-" if value is None else json.dumps(value)


def _yes_or_no(closed: bool) -> str:
    return "yes" if closed else "no"
