"""What the doctor asks the executor: its health, and whether executions fail for want of their code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from attune_operator.ctl.doctor.evidence import UnknownAction, Unread
from attune_operator.ctl.doctor.executor_health import ExecutorHealth, executor_health
from attune_operator.ctl.errors import CtlError, ForbiddenError, NotFoundError, UnreachableError, UsageError
from attune_operator.ctl.executor_api import ExecutorApi
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.options import Place, Way

_FAILURES: Final = 100
"""Executions that failed last and are looked at."""
_ACTIONS: Final = 5
"""Actions whose last failure is looked at; each costs two more questions."""


@dataclass(frozen=True, slots=True)
class Executor:
    """What it answered; or why it did not, or what is missing to ask it."""

    health: ExecutorHealth | None = None
    unknown_actions: Mapping[str, UnknownAction] = field(default_factory=dict[str, UnknownAction])
    unreached: str | None = None
    unread: Unread | None = None


async def ask_executor(kubernetes: Kubernetes, place: Place, way: Way, actions: Sequence[str]) -> Executor:
    """Ask; nothing is raised of what goes wrong."""
    try:
        async with ExecutorApi.connect(kubernetes, place, way) as api:
            health = executor_health(await api.get("/api/v1/health"))
            return Executor(health, await _unknown_actions(api, frozenset(actions)))
    except (UnreachableError, NotFoundError) as error:
        return Executor(unreached=str(error))
    except CtlError as error:
        return Executor(unread=Unread(_rule(error, place.operator_namespace), str(error)))


def _rule(error: CtlError, namespace: str) -> str:
    """What has to be allowed, or given, to ask the executor."""
    match error:
        case ForbiddenError():
            return f"get services, list pods, and get and create pods/portforward in namespace {namespace}"
        case UsageError():
            return "show the executor a token"
        case _:
            return "list actionqueuepolicies/executions.attune.io of every action"


async def _unknown_actions(api: ExecutorApi, actions: frozenset[str]) -> dict[str, UnknownAction]:
    try:
        return await _failed_for_want_of_code(api, actions)
    except UnreachableError:
        # The database is away, and the health says so.
        return {}


async def _failed_for_want_of_code(api: ExecutorApi, actions: frozenset[str]) -> dict[str, UnknownAction]:
    last: dict[str, int] = {}
    for failure in await api.get(f"/api/v1/executions?status=failed&limit={_FAILURES}"):
        if failure["action_ref"] in actions:
            last.setdefault(failure["action_ref"], failure["id"])
    found: dict[str, UnknownAction] = {}
    for ref, execution_id in list(last.items())[:_ACTIONS]:
        succeeded = await api.get(f"/api/v1/executions?status=succeeded&limit=1&action_ref={quote(ref)}")
        if succeeded and succeeded[0]["id"] > execution_id:
            continue
        execution = await api.get(f"/api/v1/executions/{execution_id}")
        error = _error(execution["result"])
        if error.startswith(f"no action {ref!r} on this worker"):
            found[ref] = UnknownAction(execution_id, execution["worker"], error)
    return found


def _error(result: Any) -> str:
    return str(result.get("error", "")) if isinstance(result, dict) else ""  # pyright: ignore[reportUnknownMemberType,reportUnknownArgumentType]
