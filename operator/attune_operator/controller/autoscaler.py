"""Scales each worker Deployment to what the policies that name it need."""

from collections import defaultdict
from time import time

import structlog

from attune_operator.cluster import Cluster, ClusterError
from attune_operator.controller.measurements import Measurements
from attune_operator.reconcile import Rule
from attune_operator.resources import ObjectKey, WorkerDeployment
from attune_operator.scaling import Decision, PolicyDemand, ScalingMemory, decide
from attune_operator.view import ResourceView

_log = structlog.get_logger("attune.scaling")


class Autoscaler:
    """Decides and scales; keeps the memory of decisions and the last one by Deployment."""

    def __init__(self, cluster: Cluster, deployments: ResourceView[WorkerDeployment]) -> None:
        self._cluster = cluster
        self._deployments = deployments
        self._memory: dict[ObjectKey, ScalingMemory] = {}
        self.decisions: dict[ObjectKey, Decision] = {}

    async def run(self, rule: Rule, measurements: Measurements) -> None:
        """One pass over all Deployments that policies in force name."""
        demands = self._demands(rule, measurements)
        deployments = self._deployments.objects()
        for gone in self._memory.keys() - (demands.keys() & deployments.keys()):
            del self._memory[gone]
        decisions: dict[ObjectKey, Decision] = {}
        for name in demands.keys() & deployments.keys():
            decisions[name], self._memory[name] = decide(
                demands[name], deployments[name].replicas, self._memory.get(name, ScalingMemory()), time()
            )
        self.decisions = decisions
        for name, decision in decisions.items():
            deployment = deployments[name]
            if decision.apply and decision.desired != deployment.replicas:
                await self._scale(deployment, decision)

    async def _scale(self, deployment: WorkerDeployment, decision: Decision) -> None:
        """Set the number of workers; a failure is tried again by the next pass and holds up no other Deployment."""
        name = str(deployment.metadata.key)
        try:
            scaled = await self._cluster.scale(deployment, decision.desired)
        except ClusterError as error:
            _log.warning("a Deployment was not scaled", deployment=name, wanted=decision.desired, error=str(error))
            return
        self._deployments.observe(scaled)
        _log.info(
            "scaled",
            deployment=name,
            before=deployment.replicas,
            after=decision.desired,
            reason=decision.reason,
            why=decision.message,
        )

    @staticmethod
    def _demands(rule: Rule, measurements: Measurements) -> dict[ObjectKey, list[PolicyDemand]]:
        demands: dict[ObjectKey, list[PolicyDemand]] = defaultdict(list)
        for ref, policy in sorted(rule.in_force.items()):
            workers = policy.spec.workers
            if workers is not None:
                demands[ObjectKey(policy.metadata.namespace, workers.deployment)].append(
                    PolicyDemand(
                        name=policy.metadata.name,
                        concurrency=policy.spec.concurrency,
                        admission=policy.spec.admission,
                        workers=workers,
                        stats=measurements.trusted(ref),
                    )
                )
        return demands
