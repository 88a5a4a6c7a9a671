"""The cluster, looked at again and again: each time a list of the policies, however many, and one small object."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Final
from urllib.parse import urlencode

from attune_executor.domain.policy import Admission
from attune_operator.ctl.execution_commands import EXECUTIONS
from attune_operator.ctl.executor_api import ExecutorApi, Json
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.leadership import Leadership
from attune_operator.ctl.options import Place, Way
from attune_operator.ctl.pausing import admit
from attune_operator.ctl.queues import queue_of
from attune_operator.ctl.resources import (
    chosen,
    config_model,
    may_patch,
    read_config,
    read_leadership,
    read_policies,
)
from attune_operator.ctl.top.film import Look
from attune_operator.ctl.top.world import Ask, Head
from attune_operator.resources import ActionQueuePolicy, ExecutorConfig, ObjectKey

_AT_THE_HEAD: Final = 10


class ClusterWorld:
    """The `World` of a user with a kubeconfig.

    Args:
        names: the policies that are meant, by their own names or their actions'; all of them where there is none.
    """

    def __init__(self, kubernetes: Kubernetes, place: Place, way: Way, names: Sequence[str]) -> None:
        self._kubernetes = kubernetes
        self._place = place
        self._way = way
        self._names = names
        self._config: ExecutorConfig | None = None
        self._leadership = Leadership(None, None)
        self._looks = 0

    async def look(self) -> Look:
        """Look once. ExecutorConfig and Lease are asked for by turns, but for the first time."""
        policies = chosen(await read_policies(self._kubernetes, self._place.policies), self._names)
        namespace = self._place.operator_namespace
        if self._looks == 0 or self._looks % 2:
            self._leadership = await read_leadership(self._kubernetes, namespace)
        if self._looks % 2 == 0:
            config = await read_config(self._kubernetes, namespace)
            self._config = None if config is None else config_model(config)
        self._looks += 1
        now = datetime.now(UTC)
        return Look(
            at=monotonic(),
            queues=[queue_of(policy, now) for policy in policies],
            policies={policy.metadata.key: policy for policy in policies},
            config=self._config,
            problem=self._leadership.problem,
            leader=self._leadership.holder,
        )

    async def may_admit(self, policy: ObjectKey) -> bool:
        """Whether the user may pause and resume a policy."""
        return await may_patch(self._kubernetes, policy)

    async def admit(self, policy: ActionQueuePolicy, wanted: Admission) -> str:
        """Pause or resume; what came of it, in a sentence."""
        return await admit(self._kubernetes, policy, wanted)

    @asynccontextmanager
    async def head(self, action_ref: str) -> AsyncGenerator[Ask]:
        """A way to the executions of an action."""
        async with ExecutorApi.connect(self._kubernetes, self._place, self._way) as executor:

            async def oldest(status: str) -> list[Json]:
                query = {"action_ref": action_ref, "status": status, "order": "oldest", "limit": _AT_THE_HEAD}
                return await executor.get(f"{EXECUTIONS}?{urlencode(query)}")

            async def ask() -> Head:
                running, scheduled, waiting = await asyncio.gather(*map(oldest, ("running", "scheduled", "requested")))
                return Head([*running, *scheduled], waiting)

            yield ask
