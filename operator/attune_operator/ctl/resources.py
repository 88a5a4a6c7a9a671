"""Attune's objects in the cluster: found, read and patched."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final, TypeAlias

from pydantic import ValidationError

from attune_operator.ctl.emergency import Plan, Verb
from attune_operator.ctl.errors import ForbiddenError, NotFoundError, NotYetError, UnreachableError, UsageError
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.leadership import Leadership, leadership
from attune_operator.lease import LEASE_NAME, Lease
from attune_operator.resources import ActionQueuePolicy, ExecutorConfig, ObjectKey
from attune_operator.resources.condition import READY, ConditionStatus
from attune_operator.resources.config import CONFIG_KIND, CONFIG_NAME, CONFIG_PLURAL
from attune_operator.resources.config_status import ConfigConditionType
from attune_operator.resources.policy import GROUP, KIND, PLURAL, VERSION

IN_FORCE_SECONDS: Final = 15.0
"""How long the operator is given to take over what was written: a second or so, unless it is just being replaced."""
_LOOK_SECONDS: Final = 0.3
_API: Final = f"/apis/{GROUP}/{VERSION}"

Json: TypeAlias = dict[str, Any]


async def read_policies(kubernetes: Kubernetes, namespace: str | None) -> list[ActionQueuePolicy]:
    """The policies of a namespace, or of all."""
    where = "" if namespace is None else f" in namespace {namespace}"
    found = await kubernetes.list_all(f"ActionQueuePolicies{where}", f"{_API}{_scope(namespace)}/{PLURAL}")
    try:
        return [ActionQueuePolicy.model_validate(item) for item in found]
    except ValidationError as error:
        raise UnreachableError(f"the policies were written by another release than this program's: {error}") from error


def chosen(policies: Sequence[ActionQueuePolicy], names: Sequence[str]) -> list[ActionQueuePolicy]:
    """The policies that are meant, each by its own name or its action's; all of them where no name is given.

    Raises:
        NotFoundError: there is no such policy.
        UsageError: several are.
    """
    if not names:
        return list(policies)
    return [_one(policies, name) for name in names]


async def set_admission(kubernetes: Kubernetes, policy: ActionQueuePolicy, admission: str) -> Json:
    """Patch a policy's admission; returns the object as it is then."""
    patch = {"metadata": {"resourceVersion": policy.metadata.resource_version}, "spec": {"admission": admission}}
    return await kubernetes.patch(f"{KIND} {policy.metadata.key}", _policy_path(policy.metadata.key), patch)


async def policy_in_force(kubernetes: Kubernetes, policy: ObjectKey, generation: int) -> None:
    """Return once the operator enforces what a policy says.

    Raises:
        NotYetError: it does not within seconds.
    """
    what = f"{KIND} {policy}"
    await _until_followed(kubernetes, what, _policy_path(policy), generation, READY, ConditionStatus.TRUE)


async def read_config(kubernetes: Kubernetes, namespace: str) -> Json | None:
    """The ExecutorConfig as it is; None where there is none."""
    try:
        return await kubernetes.get(_config(namespace), f"{_configs(namespace)}/{CONFIG_NAME}")
    except NotFoundError:
        return None


async def carry_out(kubernetes: Kubernetes, namespace: str, plan: Plan, present: Json | None) -> Json | None:
    """Do what ``plan`` says with the ExecutorConfig ``present``; returns it as it is then, None where it is gone."""
    path = f"{_configs(namespace)}/{CONFIG_NAME}"
    match plan.verb:
        case Verb.CREATE:
            return await kubernetes.create(_config(namespace), _configs(namespace), plan.body)
        case Verb.PATCH:
            return await kubernetes.patch(_config(namespace), path, plan.body)
        case Verb.DELETE if present is not None:
            await kubernetes.delete(_config(namespace), path, present["metadata"]["resourceVersion"])
            return None
        case _:
            return present


async def emergency_in_force(kubernetes: Kubernetes, namespace: str, generation: int, *, wanted: bool) -> None:
    """Return once the executor's emergency mode is on, or off, as the ExecutorConfig says.

    Raises:
        NotYetError: it is not within seconds.
    """
    status = ConditionStatus.TRUE if wanted else ConditionStatus.FALSE
    path = f"{_configs(namespace)}/{CONFIG_NAME}"
    kind = ConfigConditionType.EMERGENCY_MODE
    await _until_followed(kubernetes, _config(namespace), path, generation, kind, status)


def config_model(config: Mapping[str, Any]) -> ExecutorConfig:
    """An ExecutorConfig as a model."""
    try:
        return ExecutorConfig.model_validate(config)
    except ValidationError as error:
        raise UnreachableError(f"the ExecutorConfig is another release's than this program's: {error}") from error


async def read_lease(kubernetes: Kubernetes, namespace: str) -> Lease | None:
    """The Lease by which an operator leads in ``namespace``; None where none ever has."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE_NAME}"
    try:
        return Lease.model_validate(await kubernetes.get(f"Lease {namespace}/{LEASE_NAME}", path))
    except NotFoundError:
        return None


async def read_leadership(kubernetes: Kubernetes, namespace: str) -> Leadership:
    """Who leads, as far as the user may know."""
    try:
        lease = await read_lease(kubernetes, namespace)
    except ForbiddenError:
        return Leadership(
            None,
            f"whether an operator leads cannot be told: get on Lease {LEASE_NAME} in namespace {namespace} is needed",
        )
    if lease is None:
        return Leadership(
            None, f"no operator has ever led in namespace {namespace}: name its namespace by --operator-namespace"
        )
    return leadership(lease, datetime.now(UTC))


async def why_old(kubernetes: Kubernetes, namespace: str) -> str | None:
    """Why the statuses may be old; None while an operator leads."""
    return (await read_leadership(kubernetes, namespace)).problem


async def may_patch(kubernetes: Kubernetes, policy: ObjectKey) -> bool:
    """Whether the user may change a policy."""
    attributes = {
        "group": GROUP,
        "resource": PLURAL,
        "verb": "patch",
        "namespace": policy.namespace,
        "name": policy.name,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    return bool((await kubernetes.create("a SelfSubjectAccessReview", path, review))["status"]["allowed"])


def _one(policies: Sequence[ActionQueuePolicy], name: str) -> ActionQueuePolicy:
    found = [policy for policy in policies if name in {policy.metadata.name, policy.spec.action_ref}]
    if not found:
        known = ", ".join(sorted(policy.metadata.name for policy in policies)) or "none"
        raise NotFoundError(f"no policy {name!r}, by its own name or its action's; there are: {known}")
    if len(found) > 1:
        keys = ", ".join(str(policy.metadata.key) for policy in found)
        raise UsageError(f"{name!r} is meant by several policies, {keys}: say which by its name and --namespace")
    return found[0]


async def _until_followed(
    kubernetes: Kubernetes, what: str, path: str, generation: int, kind: str, wanted: ConditionStatus
) -> None:
    deadline = monotonic() + IN_FORCE_SECONDS
    while True:
        status: Json = (await kubernetes.get(what, path)).get("status", {})
        conditions = {each["type"]: each for each in status.get("conditions", ())}
        found: Json = conditions.get(kind, {})
        if status.get("observedGeneration", -1) >= generation and found.get("status") == wanted:
            return
        if monotonic() > deadline:
            raise NotYetError(
                f"{what} is written, but not in force after {IN_FORCE_SECONDS:.0f} s:"
                f" {kind} is {found.get('status', 'not reported')}: {found.get('message', 'no operator looks at it')}"
            )
        await asyncio.sleep(_LOOK_SECONDS)


def _policy_path(policy: ObjectKey) -> str:
    return f"{_API}{_scope(policy.namespace)}/{PLURAL}/{policy.name}"


def _configs(namespace: str) -> str:
    return f"{_API}{_scope(namespace)}/{CONFIG_PLURAL}"


def _config(namespace: str) -> str:
    return f"{CONFIG_KIND} {namespace}/{CONFIG_NAME}"


def _scope(namespace: str | None) -> str:
    return "" if namespace is None else f"/namespaces/{namespace}"
