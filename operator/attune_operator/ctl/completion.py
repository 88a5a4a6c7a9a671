"""Completion: names of policies and actions from the cluster, and the protocol by which kubectl asks a plugin."""

import asyncio
import os
import shlex
import sys
from collections.abc import Iterable
from typing import Final

import typer

from attune_operator.ctl.errors import CtlError
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.options import Place
from attune_operator.ctl.resources import read_policies

_SECONDS: Final = 3.0
_NO_FILES: Final = ":4"
"""Cobra's directive ShellCompDirectiveNoFileComp."""


def policy_names(context: typer.Context, incomplete: str) -> list[str]:
    """Names of policies and of their actions; none where the cluster does not answer soon."""
    return _beginning(incomplete, [name for pair in _known(context) for name in pair])


def action_refs(context: typer.Context, incomplete: str) -> list[str]:
    """Actions that have a policy; none where the cluster does not answer soon."""
    return _beginning(incomplete, [action_ref for _, action_ref in _known(context)])


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})


def _known(context: typer.Context) -> list[tuple[str, str]]:
    """Each policy's name and action."""
    options = Place.__dataclass_fields__
    given = {name: value for name, value in context.params.items() if name in options and value is not None}
    try:
        return asyncio.run(asyncio.wait_for(_read(Place(**given)), _SECONDS))
    except (CtlError, TimeoutError):
        return []


async def _read(place: Place) -> list[tuple[str, str]]:
    async with Kubernetes.connect(place.context) as kubernetes:
        policies = await read_policies(kubernetes, place.policies)
    return [(policy.metadata.name, policy.spec.action_ref) for policy in policies]


def kubectl_complete(app: typer.Typer) -> None:
    """Answer `kubectl_complete-attune WORD... INCOMPLETE`, which kubectl runs when its user presses Tab."""
    words = ["attune", *sys.argv[1:]]
    os.environ |= {
        "_ATTUNE_COMPLETE": "complete_bash",
        "COMP_WORDS": shlex.join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    sys.argv = ["attune"]
    try:
        app(prog_name="attune")
    finally:
        sys.stdout.write(f"{_NO_FILES}\n")
