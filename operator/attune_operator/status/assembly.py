"""Puts a status together, and says what to send for it."""

from datetime import datetime
from math import ceil
from typing import Any

from attune_executor.domain.policy import Admission
from attune_executor.domain.waiting_time import estimated_wait_seconds
from attune_operator.resources import ActionQueuePolicyStatus, ExecutorConfigStatus, WorkersStatus
from attune_operator.status.conditions import conditions
from attune_operator.status.observation import PolicyObservation
from attune_operator.status.times import whole_seconds


def build_status(observation: PolicyObservation, now: datetime) -> ActionQueuePolicyStatus:
    """The status that the policy should have at ``now``.

    Equal to the one it has when nothing changed, so that comparing the two says whether to write. While the queue's
    figures cannot be trusted the last ones stay, and the conditions say so.
    """
    now = whole_seconds(now)
    policy = observation.policy
    previous = policy.status or ActionQueuePolicyStatus()
    status = previous.model_copy(
        update={
            "observed_generation": policy.metadata.generation,
            "conditions": conditions(observation, previous.conditions, now),
            "workers": _workers(observation),
            "scaling": observation.decision.ledger if observation.decision else None,
        }
    )
    if observation.ruled_by is not None:
        return ActionQueuePolicyStatus(observed_generation=status.observed_generation, conditions=status.conditions)
    stats = observation.fresh_stats
    if stats is None:
        return status
    return status.model_copy(
        update={
            "queue_length": stats.queue_length,
            "active_count": stats.active_count,
            "max_concurrent": stats.max_concurrent,
            "max_queue_length": observation.max_queue_length,
            "oldest_enqueued_at": whole_seconds(stats.oldest_enqueued_at),
            "total_enqueued": stats.total_enqueued,
            "total_completed": stats.total_completed,
            "total_rejected": stats.total_rejected,
            "estimated_wait_seconds": _estimated_wait_seconds(observation),
            "last_updated": whole_seconds(stats.last_updated),
        }
    )


def status_patch(status: ActionQueuePolicyStatus | ExecutorConfigStatus) -> dict[str, Any]:
    """A JSON merge patch that makes an object's status this one: what is absent is removed by null."""
    return {"status": status.model_dump(mode="json", by_alias=True)}


def _workers(observation: PolicyObservation) -> WorkersStatus | None:
    if observation.policy.spec.workers is None:
        return None
    deployment, decision = observation.deployment, observation.decision
    return WorkersStatus(
        current=deployment.replicas if deployment else None,
        ready=deployment.ready if deployment else None,
        desired=decision.desired if decision else None,
    )


def _estimated_wait_seconds(observation: PolicyObservation) -> int | None:
    """Time until a slot is free for one more execution behind those that wait; None while that cannot be told."""
    stats, spec = observation.fresh_stats, observation.policy.spec
    if stats is None or spec.admission is not Admission.OPEN:
        return None
    slots = stats.max_concurrent
    if spec.workers is not None:
        ready = observation.deployment.ready if observation.deployment else 0
        slots = min(slots, ready * spec.workers.slots_per_worker)
    ahead = stats.queue_length + stats.active_count + 1 - slots
    wait = estimated_wait_seconds(ahead, slots, stats.load.average_duration_seconds)
    return None if wait is None else ceil(wait)
