"""The command `stuck`."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from attune_executor.domain.thresholds import STUCK_SECONDS
from attune_operator.ctl.errors import CtlError
from attune_operator.ctl.execution_commands import EXECUTIONS
from attune_operator.ctl.executor_api import ExecutorApi, Json
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.looking import Names
from attune_operator.ctl.options import Place, Printing, Way, takes
from attune_operator.ctl.output import Output, say, show, show_document
from attune_operator.ctl.resources import chosen, read_policies, why_old
from attune_operator.ctl.stuck import StuckQueue, executions_grid, mend, queues_grid, stuck_queues
from attune_operator.resources import ActionQueuePolicy

STUCK: Final = f"{EXECUTIONS}/stuck"


@dataclass(frozen=True, slots=True)
class _Found:
    """What is stuck.

    Attributes:
        old: why the statuses may be old; None while an operator leads.
        executions: None where the executor did not tell, for the reason ``problem``.
    """

    queues: Sequence[StuckQueue]
    old: str | None
    executions: Sequence[Json] | None
    problem: str | None

    def document(self) -> dict[str, Any]:
        """The same for scripts."""
        return {
            "problem": self.old,
            "queues": [queue.document() for queue in self.queues],
            "executor_problem": self.problem,
            "executions": self.executions,
        }


@takes(Place, Way, Printing)
def stuck(
    place: Place,
    way: Way,
    printing: Printing,
    names: Names = None,
    minutes: Annotated[
        float, typer.Option(min=0, max=527_040, help="For how long nothing has happened, at least.")
    ] = STUCK_SECONDS // 60,
) -> None:
    """Show what does not move: queues first, then executions, each with the command that mends it.

    Queues are judged by the policies' statuses, also where the executor does not answer. A paused or empty queue is not
    stuck, nor one whose executions may run for longer.
    """
    now = datetime.now(UTC)
    found = asyncio.run(_look(place, way, names or [], minutes, now))
    if not printing.output.for_people:
        show_document(found.document(), printing.output)
        return
    wide = printing.output is Output.WIDE
    if found.old:
        sys.stderr.write(f"attune: {found.old}\n")
    if found.queues:
        show(queues_grid(found.queues, wide=wide))
    else:
        say(f"No queue stands still for {minutes:g} minutes.")
    say()
    if found.executions is None:
        sys.stderr.write(f"attune: which executions are stuck cannot be told: {found.problem}\n")
    elif found.executions:
        show(executions_grid(found.executions, now, wide=wide))
    else:
        say(f"No execution is silent for {minutes:g} minutes.")


async def _look(place: Place, way: Way, names: Sequence[str], minutes: float, now: datetime) -> _Found:
    async with Kubernetes.connect(place.context) as kubernetes:
        policies = chosen(await read_policies(kubernetes, place.policies), names)
        old = await why_old(kubernetes, place.operator_namespace)
        queues = stuck_queues(policies, minutes * 60, place.operator_namespace, now)
        try:
            async with ExecutorApi.connect(kubernetes, place, way) as executor:
                found = await _executions(executor, policies, minutes, named=bool(names))
        except CtlError as error:
            return _Found(queues, old, None, str(error))
    by_ref = {policy.spec.action_ref: policy for policy in policies}
    executions = [{**each, "mend": mend(each, by_ref.get(each["action_ref"]), now)} for each in found]
    return _Found(queues, old, executions, None)


async def _executions(
    executor: ExecutorApi, policies: Sequence[ActionQueuePolicy], minutes: float, *, named: bool
) -> Sequence[Json]:
    """Of the actions that are named, whoever may list those alone, or of all."""
    refs: list[dict[str, str]] = [{"action_ref": policy.spec.action_ref} for policy in policies] if named else [{}]
    answers = [await executor.get(f"{STUCK}?{urlencode({'minutes': minutes, **ref})}") for ref in refs]
    return [each for answer in answers for each in answer]
