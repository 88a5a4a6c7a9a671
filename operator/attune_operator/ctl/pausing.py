"""The commands `pause` and `resume`."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from attune_executor.domain.policy import Admission
from attune_operator.ctl.admission import must_change
from attune_operator.ctl.completion import policy_names
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.options import Place, takes
from attune_operator.ctl.output import say
from attune_operator.ctl.resources import chosen, policy_in_force, read_policies, set_admission
from attune_operator.resources import ActionQueuePolicy

_Names = Annotated[
    list[str],
    typer.Argument(metavar="POLICY...", help="Names of policies, or of actions.", autocompletion=policy_names),
]
_DONE: Final = {Admission.HOLD: "paused", Admission.OPEN: "resumed"}


@takes(Place)
def pause(place: Place, names: _Names) -> None:
    """Accept executions and start none; what runs finishes (admission Hold)."""
    asyncio.run(_admit(place, names, Admission.HOLD))


@takes(Place)
def resume(place: Place, names: _Names) -> None:
    """Start executions again (admission Open)."""
    asyncio.run(_admit(place, names, Admission.OPEN))


async def admit(kubernetes: Kubernetes, policy: ActionQueuePolicy, wanted: Admission) -> str:
    """Pause or resume one policy and return once that is in force, with a sentence that says so.

    Raises:
        CtlError: it is Closed, or the user may not change it.
        NotYetError: it is written and not in force within seconds.
    """
    key = policy.metadata.key
    if not must_change(policy, wanted):
        return f"{policy.spec.action_ref} ({key}): {_DONE[wanted]} already"
    patched = await set_admission(kubernetes, policy, wanted.value)
    await policy_in_force(kubernetes, key, patched["metadata"]["generation"])
    return f"{policy.spec.action_ref} ({key}): {_DONE[wanted]}"


async def _admit(place: Place, names: Sequence[str], wanted: Admission) -> None:
    async with Kubernetes.connect(place.context) as kubernetes:
        policies = chosen(await read_policies(kubernetes, place.policies), names)
        # Every policy is judged before the first one is changed.
        for policy in policies:
            must_change(policy, wanted)
        for policy in policies:
            say(await admit(kubernetes, policy, wanted))
