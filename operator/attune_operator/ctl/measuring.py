"""The commands that show what the executor measures: throughput."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from attune_operator.ctl.errors import CtlError
from attune_operator.ctl.executor_api import ExecutorApi, Json
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.looking import Names
from attune_operator.ctl.options import Place, Printing, Way, takes
from attune_operator.ctl.output import Output, say, show, show_document
from attune_operator.ctl.resources import chosen, read_policies
from attune_operator.ctl.throughput import busiest, from_statuses, throughput_grid, traffic

THROUGHPUT: Final = "/api/v1/throughput"


@dataclass(frozen=True, slots=True)
class _Measured:
    """What was found; ``problem`` says why the executor did not tell, None where it did."""

    actions: Sequence[Json]
    problem: str | None


@takes(Place, Way, Printing)
def throughput(
    place: Place,
    way: Way,
    printing: Printing,
    names: Names = None,
    limit: Annotated[int, typer.Option(min=1, help="So many actions at most.")] = 20,
) -> None:
    """Show what came and what ended, the busiest action first; of a single one also by the minute.

    The counts of the last five minutes include the present minute so far. Where the executor does not answer, the
    totals are those of the policies' statuses.
    """
    found = asyncio.run(_throughput(place, way, names or []))
    actions = busiest(found.actions, limit)
    if not printing.output.for_people:
        show_document({"problem": found.problem, "actions": actions}, printing.output)
        return
    if found.problem:
        sys.stderr.write(f"attune: totals from the policies' statuses alone, since {found.problem}\n")
    if not actions:
        say("There is no ActionQueuePolicy here.")
        return
    show(throughput_grid(actions, wide=printing.output is Output.WIDE))
    if len(actions) == 1 and actions[0]["minutes"] is not None:
        say()
        for line in traffic(actions[0], datetime.now(UTC)):
            say(line)


async def _throughput(place: Place, way: Way, names: Sequence[str]) -> _Measured:
    async with Kubernetes.connect(place.context) as kubernetes:
        policies = chosen(await read_policies(kubernetes, place.policies), names)
        refs = {policy.spec.action_ref for policy in policies}
        try:
            async with ExecutorApi.connect(kubernetes, place, way) as executor:
                # Whoever may look at one action alone names it.
                queries: list[dict[str, Any]] = [{"action_ref": ref} for ref in sorted(refs)] if names else [{}]
                answers = [await executor.get(f"{THROUGHPUT}?{urlencode(query)}") for query in queries]
        except CtlError as error:
            return _Measured(from_statuses(policies, datetime.now(UTC)), str(error))
        return _Measured([entry for answer in answers for entry in answer if entry["action_ref"] in refs], None)
