"""The ExecutorConfig's status as a pure function of what was observed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.stats import QueueStats
from attune_executor.ports.journal import Ownership
from attune_operator.resources import (
    ConditionStatus,
    ConfigConditionType,
    ExecutorConfig,
    ExecutorConfigStatus,
    ExecutorRules,
    TotalsStatus,
)
from attune_operator.resources.condition import PENDING
from attune_operator.status.times import whole_seconds
from attune_operator.status.transitions import Transition, condition_transitions
from attune_operator.status.verdict import Verdict, fails, holds, settled, unknown

AS_IT_SHOULD_BE: Final[Mapping[str, ConditionStatus]] = {
    ConfigConditionType.READY: ConditionStatus.TRUE,
    ConfigConditionType.EMERGENCY_MODE: ConditionStatus.FALSE,
}
"""What each condition is when nobody has to look."""


@dataclass(frozen=True, slots=True)
class ConfigObservation:
    """The configuration and its executor at one moment.

    Attributes:
        config: the object as it was last seen.
        wanted: what the object says.
        followed: what the executor was last told; None before that.
        executor: why the executor's figures cannot be trusted; None where they can.
        ownerships: the shards that it owns.
        policies: how many are in force.
        stats: every queue.
    """

    config: ExecutorConfig
    wanted: ExecutorRules
    followed: ExecutorRules | None
    executor: str | None
    ownerships: Sequence[Ownership]
    policies: int
    stats: Sequence[QueueStats]


def build_config_status(observation: ConfigObservation, now: datetime) -> ExecutorConfigStatus:
    """The status that the object should have at ``now``; equal to the one it has when nothing changed."""
    config = observation.config
    previous = config.status or ExecutorConfigStatus()
    verdicts: dict[str, Verdict] = {
        ConfigConditionType.READY: _ready(observation),
        ConfigConditionType.EMERGENCY_MODE: _emergency_mode(observation.followed),
    }
    status = previous.model_copy(
        update={
            "observed_generation": config.metadata.generation,
            "conditions": settled(verdicts, config.metadata.generation, previous.conditions, whole_seconds(now)),
            "requests_per_minute": observation.followed.requests_per_minute if observation.followed else None,
        }
    )
    if observation.executor is not None:
        return status
    return status.model_copy(
        update={
            "owner": next((ownership.owner for ownership in observation.ownerships), None),
            "epoch": max((ownership.epoch for ownership in observation.ownerships), default=None),
            "shards": len(observation.ownerships),
            "totals": _totals(observation),
            "last_updated": whole_seconds(max((stats.last_updated for stats in observation.stats), default=None)),
        }
    )


def config_transitions(before: ExecutorConfigStatus | None, after: ExecutorConfigStatus) -> list[Transition]:
    """What changed between two statuses that is worth an Event."""
    earlier = before.conditions if before else ()
    return list(condition_transitions(earlier, after.conditions, AS_IT_SHOULD_BE))


def _ready(observation: ConfigObservation) -> Verdict:
    if observation.executor is not None:
        return unknown("ExecutorUnavailable", observation.executor)
    if observation.followed != observation.wanted:
        return fails(PENDING, "the executor has not taken the configuration over yet")
    return holds("InForce", "the executor follows the configuration")


def _emergency_mode(followed: ExecutorRules | None) -> Verdict:
    if followed is None:
        return unknown(PENDING, "the executor has not been told yet")
    if followed.emergency is None:
        return fails("Off", "the limits are those of the policies")
    return holds("On", f"{_what_it_does(followed.emergency)}; set emergencyMode to false when it is over")


def _what_it_does(emergency: Emergency) -> str:
    closed = [f"with a priority below {emergency.close_below_priority}"] * (emergency.close_below_priority > 0)
    closed += [f"tagged {tag}" for tag in sorted(emergency.close_tags)]
    relaxed = f"queues may grow to {emergency.max_queue_length}"
    return f"{relaxed}, and actions {' or '.join(closed)} take no new executions" if closed else relaxed


def _totals(observation: ConfigObservation) -> TotalsStatus:
    stats = observation.stats
    return TotalsStatus(
        policies=observation.policies,
        queue_length=sum(queue.queue_length for queue in stats),
        active_count=sum(queue.active_count for queue in stats),
        total_enqueued=sum(queue.total_enqueued for queue in stats),
        total_completed=sum(queue.total_completed for queue in stats),
        total_rejected=sum(queue.total_rejected for queue in stats),
    )
