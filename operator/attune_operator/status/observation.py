"""All that a policy's status is made of."""

from dataclasses import dataclass

from attune_executor.domain.stats import QueueStats
from attune_operator.resources import ActionQueuePolicy, WorkerDeployment
from attune_operator.scaling import Decision


@dataclass(frozen=True, slots=True)
class PolicyObservation:
    """A policy and its surroundings at one moment.

    Attributes:
        policy: the object as it was last seen.
        ruled_by: the older policy that is in force for the same action; None where this one is.
        in_force: whether the executor enforces this spec.
        max_queue_length: the limit of the queue in force, emergency mode included; None where this policy is not.
        closed_by_emergency: whether emergency mode refuses the action's new executions.
        executor: why the executor's figures cannot be trusted; None where they can.
        stats: the queue; None while the executor does not know it.
        deployment: the worker Deployment; None where there is none of that name, or no spec.workers.
        decision: the Deployment's last scaling decision.
    """

    policy: ActionQueuePolicy
    ruled_by: str | None
    in_force: bool
    max_queue_length: int | None
    closed_by_emergency: bool
    executor: str | None
    stats: QueueStats | None
    deployment: WorkerDeployment | None
    decision: Decision | None

    @property
    def settled(self) -> bool:
        """Whether time alone changes nothing about it: the queue has no work that could get stuck."""
        return self.stats is None or self.stats.queue_length + self.stats.active_count == 0

    @property
    def fresh_stats(self) -> QueueStats | None:
        """The queue's figures where they can be trusted."""
        return self.stats if self.executor is None and self.ruled_by is None else None
