"""Writes statuses: what changed, not more often than need be, and the longest unwritten first."""

import asyncio
from datetime import UTC, datetime
from time import monotonic
from typing import Final

import structlog

from attune_operator.cluster import Cluster, ClusterError, NotFoundError
from attune_operator.controller.autoscaler import Autoscaler
from attune_operator.controller.configuration import Configuration
from attune_operator.controller.enforcement import Enforcement
from attune_operator.controller.events import EventRecorder
from attune_operator.controller.inventory import Inventory
from attune_operator.controller.measurements import Measurements
from attune_operator.resources import ActionQueuePolicy, ActionQueuePolicyStatus, ObjectKey, WorkerDeployment
from attune_operator.resources.policy import KIND
from attune_operator.status import PolicyObservation, build_status, policy_transitions, status_patch

_log = structlog.get_logger("attune.status")

WRITES_PER_PASS: Final = 50
"""The budget: so many statuses at most are written in one pass, whatever changes."""
_AT_ONCE: Final = 16


class Reporter:
    """Keeps the policies' statuses up to date."""

    def __init__(
        self,
        cluster: Cluster,
        inventory: Inventory,
        configuration: Configuration,
        enforcement: Enforcement,
        autoscaler: Autoscaler,
        events: EventRecorder,
        interval_seconds: float,
    ) -> None:
        self._cluster = cluster
        self._policies = inventory.policies
        self._deployments = inventory.deployments
        self._configuration = configuration
        self._enforcement = enforcement
        self._autoscaler = autoscaler
        self._events = events
        self._interval_seconds = interval_seconds
        self._written: dict[str, float] = {}
        self._settled: dict[str, PolicyObservation] = {}

    async def run(self, measurements: Measurements) -> None:
        """One pass: write what differs and was not written within the interval."""
        policies = {policy.metadata.uid: policy for policy in self._policies.objects().values()}
        for memory in (self._written, self._settled):
            for forgotten in memory.keys() - policies.keys():
                del memory[forgotten]
        self._events.forget()
        now = monotonic()
        due = [
            uid
            for uid in sorted(policies, key=lambda uid: self._written.get(uid, 0.0))
            if now - self._written.get(uid, 0.0) >= self._interval_seconds
        ]
        deployments = self._deployments.objects()
        changes: list[tuple[ActionQueuePolicy, ActionQueuePolicyStatus]] = []
        for uid in due:
            policy = policies[uid]
            observation = self._observe(policy, deployments, measurements)
            if observation.settled and observation == self._settled.get(uid):
                continue
            status = build_status(observation, datetime.now(UTC))
            if status == policy.status:
                self._settled[uid] = observation
            else:
                changes.append((policy, status))
            if len(changes) == WRITES_PER_PASS:
                break
        permits = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._write(policy, status, permits) for policy, status in changes))

    async def _write(
        self, policy: ActionQueuePolicy, status: ActionQueuePolicyStatus, permits: asyncio.Semaphore
    ) -> None:
        async with permits:
            self._written[policy.metadata.uid] = monotonic()
            try:
                written = await self._cluster.patch_status(policy.metadata.key, status_patch(status))
            except NotFoundError:
                _log.debug("the policy is gone", policy=str(policy.metadata.key))
            except ClusterError as error:
                _log.warning("a status was not written", policy=str(policy.metadata.key), error=str(error))
            else:
                self._policies.observe(written)
                await self._events.record(KIND, policy.metadata, policy_transitions(policy.status, status))

    def _observe(
        self,
        policy: ActionQueuePolicy,
        deployments: dict[ObjectKey, WorkerDeployment],
        measurements: Measurements,
    ) -> PolicyObservation:
        spec = policy.spec
        enforced = self._enforcement.enforced.get(spec.action_ref)
        limit = enforced.max_queue_length if enforced else None
        emergency = self._configuration.followed.emergency if self._configuration.followed else None
        deployment = ObjectKey(policy.metadata.namespace, spec.workers.deployment) if spec.workers else None
        return PolicyObservation(
            policy=policy,
            ruled_by=self._enforcement.rule.ruled_by.get(policy.metadata.uid),
            in_force=self._enforcement.in_force(policy),
            max_queue_length=emergency.relaxed(limit) if emergency and limit is not None else limit,
            closed_by_emergency=bool(emergency and enforced and emergency.closes(enforced)),
            executor=measurements.distrust,
            stats=measurements.stats.get(spec.action_ref),
            deployment=deployments.get(deployment) if deployment else None,
            decision=self._autoscaler.decisions.get(deployment) if deployment else None,
        )
