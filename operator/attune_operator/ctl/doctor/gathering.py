"""Reads the evidence. What the user may not read is noted with the RBAC rule that is missing, and the rest goes on."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from attune_operator.ctl.doctor.evidence import Container, Evidence, Pod, Unread, Workload, deployment_of
from attune_operator.ctl.doctor.executor_calls import Executor, ask_executor
from attune_operator.ctl.doctor.objects import pod_of, quota_lines, selector_of, warnings_by_pod, workload_of
from attune_operator.ctl.errors import CtlError, ForbiddenError, NotFoundError, UnreachableError
from attune_operator.ctl.incident.redaction import redact_lines
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.options import Place, Way
from attune_operator.ctl.resources import chosen, config_model, read_config, read_lease, read_policies
from attune_operator.resources import ActionQueuePolicy, ObjectKey

_OPERATOR: Final = "attune-operator"
_AT_ONCE: Final = 8
"""Worker Deployments that are looked at at the same time."""
_LOG_LINES: Final = 5
_LOG_COLUMNS: Final = 300
_T = TypeVar("_T")


async def gather(kubernetes: Kubernetes, place: Place, way: Way, names: Sequence[str]) -> Evidence:
    """Look at everything.

    ``names`` are of the policies that are asked about, or of their actions; none for all.

    Raises:
        CtlError: the Kubernetes API does not answer, or there is no policy of such a name.
    """
    return await _Gathering(kubernetes, place, way).everything(names)


class _Gathering:
    def __init__(self, kubernetes: Kubernetes, place: Place, way: Way) -> None:
        self._kubernetes = kubernetes
        self._place = place
        self._way = way
        self._unread: dict[str, Unread] = {}

    async def everything(self, names: Sequence[str]) -> Evidence:
        home = self._place.operator_namespace
        policies = await self._policies()
        if policies is not None:
            policies = chosen(policies, names)
        deployments = sorted({key for policy in policies or () if (key := deployment_of(policy)) is not None})
        config, lease, operator, executor, workers = await asyncio.gather(
            self._may(f"get executorconfigs.attune.io in namespace {home}", read_config(self._kubernetes, home), None),
            self._may(f"get leases.coordination.k8s.io in namespace {home}", read_lease(self._kubernetes, home), None),
            self._workload(ObjectKey(home, _OPERATOR)),
            self._executor([policy.spec.action_ref for policy in policies or ()]),
            self._workloads(deployments),
        )
        if executor.unreached is not None and operator is not None:
            operator = replace(operator, pods=[await self._with_log(operator.key, pod) for pod in operator.pods])
        return Evidence(
            datetime.now(UTC),
            home,
            policies,
            config=None if config is None else config_model(config),
            lease=lease,
            lease_read=not any("leases" in rule for rule in self._unread),
            operator=operator,
            workers={workload.key: workload for workload in workers},
            executor=executor.health,
            unreached=executor.unreached,
            unknown_actions=executor.unknown_actions,
            unread=tuple(self._unread.values()),
        )

    async def _policies(self) -> list[ActionQueuePolicy] | None:
        namespace = self._place.policies
        where = "all namespaces" if namespace is None else f"namespace {namespace}"
        try:
            rule = f"list actionqueuepolicies.attune.io in {where}"
            return await self._may(rule, read_policies(self._kubernetes, namespace), [])
        except NotFoundError:
            return None

    async def _executor(self, actions: Sequence[str]) -> Executor:
        executor = await ask_executor(self._kubernetes, self._place, self._way, actions)
        if executor.unread is not None:
            self._unread.setdefault(executor.unread.rule, executor.unread)
        return executor

    async def _workloads(self, keys: Sequence[ObjectKey]) -> list[Workload]:
        few = asyncio.Semaphore(_AT_ONCE)

        async def one(key: ObjectKey) -> Workload | None:
            async with few:
                return await self._workload(key)

        found = await asyncio.gather(*(one(key) for key in keys))
        return [workload for workload in found if workload is not None]

    async def _workload(self, key: ObjectKey) -> Workload | None:
        """A Deployment with its pods; None where it may not be read."""
        namespace = key.namespace
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{key.name}"
        try:
            deployment = await self._may(
                f"get deployments.apps in namespace {namespace}", self._kubernetes.get(f"Deployment {key}", path), None
            )
        except NotFoundError:
            return Workload(key, exists=False)
        if deployment is None:
            return None
        workload = workload_of(deployment, await self._pods(namespace, selector_of(deployment)))
        if workload.refused is not None:
            workload = replace(workload, quotas=quota_lines(await self._list(namespace, "resourcequotas")))
        return replace(workload, pods=[await self._with_crash_log(key, pod) for pod in workload.pods])

    async def _pods(self, namespace: str, selector: str) -> list[Pod]:
        found = await self._list(namespace, "pods", selector)
        well = all(pod is None or pod.ready_since for pod in (pod_of(each, ()) for each in found))
        # Events are many, and say nothing of pods that are well.
        warnings = {} if well else warnings_by_pod(await self._list(namespace, "events", fields="type=Warning"))
        pods = [pod_of(each, warnings.get(each["metadata"]["name"], ())) for each in found]
        return [pod for pod in pods if pod is not None]

    async def _with_crash_log(self, key: ObjectKey, pod: Pod) -> Pod:
        crashed = next((each for each in pod.containers if not each.ready and each.exit_code not in (None, 0)), None)
        if crashed is None:
            return pod
        return replace(pod, log=await self._log(key, pod, crashed, previous=crashed.has_another_run))

    async def _with_log(self, key: ObjectKey, pod: Pod) -> Pod:
        running = next((each for each in reversed(pod.containers) if each.waiting is None), None)
        return pod if pod.log or running is None else replace(pod, log=await self._log(key, pod, running))

    async def _log(self, key: ObjectKey, pod: Pod, container: Container, *, previous: bool = False) -> tuple[str, ...]:
        """The last lines of a container: of its latest run, or the one before it."""
        path = f"/api/v1/namespaces/{key.namespace}/pods/{pod.name}/log"
        query = [("container", container.name), ("tailLines", str(_LOG_LINES)), ("previous", str(previous).lower())]
        lines = self._lines(f"the log of Pod {key.namespace}/{pod.name}", path, query)
        try:
            return await self._may(f"get pods/log in namespace {key.namespace}", lines, ())
        except NotFoundError:
            return ()
        except UnreachableError:
            raise
        except CtlError as error:
            # A container that has just gone, or a node that does not answer: the rest is worth telling all the same.
            return (f"it cannot be read: {error}",)

    async def _lines(self, what: str, path: str, query: Sequence[tuple[str, str]]) -> tuple[str, ...]:
        found = [line async for line in self._kubernetes.lines(what, path, query) if line.strip()]
        return tuple(line[:_LOG_COLUMNS] for line in redact_lines(found[-_LOG_LINES:]))

    async def _list(self, namespace: str, plural: str, selector: str = "", fields: str = "") -> list[dict[str, Any]]:
        rule = f"list {plural} in namespace {namespace}"
        listing = self._kubernetes.list_all(plural, f"/api/v1/namespaces/{namespace}/{plural}", selector, fields)
        return await self._may(rule, listing, [])

    async def _may(self, rule: str, reading: Awaitable[_T], otherwise: _T) -> _T:
        """What is read; ``otherwise`` where the user may not, which is noted."""
        try:
            return await reading
        except ForbiddenError as error:
            self._unread.setdefault(rule, Unread(rule, str(error)))
            return otherwise
