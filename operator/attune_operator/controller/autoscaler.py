"""Scales each worker Deployment to what the policies that name it need."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic, time
from typing import Final

import structlog

from attune_executor.engine.views import UnavailableError
from attune_operator.cluster import Cluster, ClusterError
from attune_operator.controller.measurements import Measurements
from attune_operator.controller.other_autoscalers import OtherAutoscalers
from attune_operator.controller.ports import Queues
from attune_operator.controller.worker_pods import WorkerPods
from attune_operator.reconcile import Rule
from attune_operator.resources import ObjectKey, WorkerDeployment
from attune_operator.scaling import Decision, DecisionHistory, PolicyDemand, ScalingMemory, decide
from attune_operator.view import ResourceView

_log = structlog.get_logger("attune.scaling")
_AT_ONCE: Final = 8
_REST_SECONDS: Final = 0.9
"""Windows run out while nothing is seen: every pass that comes by itself looks at all Deployments."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """A Deployment and what is asked of it."""

    deployment: WorkerDeployment
    demands: Sequence[PolicyDemand]

    @property
    def key(self) -> ObjectKey:
        return self.deployment.metadata.key

    def looks_like(self, other: "_Subject") -> bool:
        """Whether nothing was seen anew: what is the same object has not changed, all else is worth a decision."""
        return (
            self.deployment is other.deployment
            and len(self.demands) == len(other.demands)
            and all(
                mine.stats is theirs.stats and mine.workers is theirs.workers and mine.concurrency == theirs.concurrency
                for mine, theirs in zip(self.demands, other.demands, strict=True)
            )
        )


class Autoscaler:
    """Decides and scales; keeps the memory of decisions and the last ones by Deployment.

    Args:
        home: the operator's own namespace.
    """

    def __init__(
        self,
        cluster: Cluster,
        queues: Queues,
        deployments: ResourceView[WorkerDeployment],
        history: DecisionHistory,
        home: str,
    ) -> None:
        self._cluster = cluster
        self._deployments = deployments
        self._history = history
        self._others = OtherAutoscalers(cluster)
        self._pods = WorkerPods(cluster, queues, home)
        self._memory: dict[ObjectKey, ScalingMemory] = {}
        self._decided: dict[ObjectKey, tuple[_Subject, float]] = {}
        """What each last decision was about, and when it was taken."""
        self.decisions: dict[ObjectKey, Decision] = {}

    async def run(self, rule: Rule, measurements: Measurements) -> None:
        """One pass over all Deployments that policies in force name.

        It costs what changed: a Deployment of which nothing new was seen is decided upon once a second.
        """
        demands = _demands(rule, measurements)
        deployments = self._deployments.objects()
        subjects = [_Subject(deployments[key], demands[key]) for key in demands.keys() & deployments.keys()]
        for gone in self._memory.keys() - {subject.key for subject in subjects}:
            del self._memory[gone], self._decided[gone]
            self._pods.forget(gone)
        before = dict(self._memory)
        due = [subject for subject in subjects if self._is_due(subject)]
        self.decisions = {
            subject.key: self.decisions[subject.key] for subject in subjects if subject.key in self.decisions
        }
        for subject in due:
            self._decide(subject, before)
        decisions = self.decisions
        permits = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(
            *(
                self._scale(subject, before, permits)
                for subject in due
                if decisions[subject.key].apply and decisions[subject.key].desired != subject.deployment.replicas
            )
        )
        self._history.note({subject.key: decisions[subject.key] for subject in due}, time())
        self._history.current = decisions

    async def look_around(self) -> None:
        """Look for others that scale the Deployments that this one decides about; no decision waits for it."""
        await self._others.refresh({key.namespace for key in self.decisions})

    def _is_due(self, subject: _Subject) -> bool:
        known = self._decided.get(subject.key)
        if known is not None and known[0].looks_like(subject) and monotonic() - known[1] < _REST_SECONDS:
            return False
        self._decided[subject.key] = subject, monotonic()
        return True

    def _decide(self, subject: _Subject, before: dict[ObjectKey, ScalingMemory], busy: int = 0) -> Decision:
        key = subject.key
        decision, self._memory[key] = decide(
            subject.demands,
            subject.deployment.replicas,
            before.get(key, ScalingMemory()),
            time(),
            self._others.of(key),
            busy,
        )
        self.decisions[key] = decision
        return decision

    async def _scale(
        self, subject: _Subject, before: dict[ObjectKey, ScalingMemory], permits: asyncio.Semaphore
    ) -> None:
        """Set the number of workers; a failure is tried again by the next pass and holds up no other Deployment."""
        deployment, key = subject.deployment, subject.key
        async with permits:
            try:
                # An autoscaler that was added a moment ago must not be fought.
                await self._others.look(key.namespace)
                if self._others.of(key) is not None:
                    self._decide(subject, before)
                    return
                if self.decisions[key].desired < deployment.replicas:
                    await self._spare_the_busy(subject, before)
                decision = self.decisions[key]
                if decision.desired == deployment.replicas:
                    return
                self._deployments.observe(await self._cluster.scale(deployment, decision.desired))
            except (ClusterError, UnavailableError) as error:
                wanted = self.decisions[key].desired
                _log.warning("a Deployment was not scaled", deployment=str(key), wanted=wanted, error=str(error))
                return
        _log.info(
            "scaled",
            deployment=str(key),
            before=deployment.replicas,
            after=decision.desired,
            reason=decision.reason,
            why=decision.message,
        )

    async def _spare_the_busy(self, subject: _Subject, before: dict[ObjectKey, ScalingMemory]) -> None:
        """Keep workers that could not finish while they leave, and have Kubernetes take the others first."""
        running = await self._pods.running(subject.key)
        if max(demand.longest_seconds for demand in subject.demands) > subject.deployment.grace_seconds:
            self._decide(subject, before, busy=sum(1 for executions in running.values() if executions))
        if self.decisions[subject.key].desired < subject.deployment.replicas:
            await self._pods.price(subject.key, running)


def _demands(rule: Rule, measurements: Measurements) -> dict[ObjectKey, list[PolicyDemand]]:
    demands: dict[ObjectKey, list[PolicyDemand]] = defaultdict(list)
    for ref, policy in sorted(rule.in_force.items()):
        spec, workers = policy.spec, policy.spec.workers
        if workers is not None:
            demands[ObjectKey(policy.metadata.namespace, workers.deployment)].append(
                PolicyDemand(
                    name=policy.metadata.name,
                    concurrency=spec.concurrency,
                    admission=spec.admission,
                    workers=workers,
                    stats=measurements.trusted(ref),
                    grouped=bool(spec.group_by),
                    rate_limit=spec.rate_limit.rate_limit() if spec.rate_limit else None,
                )
            )
    return demands
