"""Events tell what turned, once, and nothing when nothing did."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from attune_operator.resources import ActionQueuePolicyStatus, Condition, ConditionStatus, ScalingStatus
from attune_operator.status import Severity, policy_transitions

NOW = datetime(2027, 1, 15, 8, 0, 0, tzinfo=UTC)


def status(*conditions: tuple[str, str, str], **fields: Any) -> ActionQueuePolicyStatus:
    return ActionQueuePolicyStatus(
        conditions=tuple(
            Condition(
                type=kind, status=ConditionStatus(state), reason=reason, message="as told", last_transition_time=NOW
            )
            for kind, state, reason in conditions
        ),
        **fields,
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, ("Ready", "True", "InForce"), (Severity.NORMAL, "InForce")),
        (("Ready", "Unknown", "Pending"), ("Ready", "True", "InForce"), (Severity.NORMAL, "InForce")),
        (("Ready", "False", "Pending"), ("Ready", "True", "InForce"), (Severity.NORMAL, "InForce")),
        (("Ready", "True", "InForce"), ("Ready", "True", "InForce"), None),
        (("Ready", "True", "InForce"), ("Ready", "False", "Pending"), None),
        (("Ready", "True", "InForce"), ("Ready", "False", "Conflict"), (Severity.WARNING, "Conflict")),
        (None, ("Ready", "False", "Conflict"), (Severity.WARNING, "Conflict")),
        (("Ready", "False", "Conflict"), ("Ready", "True", "InForce"), (Severity.NORMAL, "InForce")),
        (("Ready", "True", "InForce"), ("Ready", "Unknown", "ExecutorUnavailable"), None),
        (("Ready", "Unknown", "ExecutorUnavailable"), ("Ready", "True", "InForce"), None),
        (None, ("Saturated", "False", "WithinLimits"), None),
        (None, ("Saturated", "True", "QueueFull"), (Severity.WARNING, "QueueFull")),
        (
            ("Saturated", "True", "ConcurrencyLimit"),
            ("Saturated", "True", "QueueFull"),
            (Severity.WARNING, "QueueFull"),
        ),
        (("Saturated", "True", "QueueFull"), ("Saturated", "True", "QueueFull"), None),
        (("Saturated", "True", "QueueFull"), ("Saturated", "False", "WithinLimits"), (Severity.NORMAL, "WithinLimits")),
        (
            ("WorkersAvailable", "False", "NoWorkerReady"),
            ("WorkersAvailable", "True", "WorkersReady"),
            (Severity.NORMAL, "WorkersReady"),
        ),
        (
            ("WorkersAvailable", "True", "WorkersReady"),
            ("WorkersAvailable", "False", "ScaledToZero"),
            (Severity.NORMAL, "ScaledToZero"),
        ),
        (("Stuck", "False", "Progressing"), ("Stuck", "True", "NotProgressing"), (Severity.WARNING, "NotProgressing")),
        (None, ("Stalled", "True", "Conflict"), None),
    ],
)
def test_conditions_that_turned(
    before: tuple[str, str, str] | None, after: tuple[str, str, str], told: tuple[Severity, str] | None
) -> None:
    transitions = policy_transitions(None if before is None else status(before), status(after))

    assert [(each.severity, each.reason) for each in transitions] == ([] if told is None else [told])
    assert all(each.note == f"{after[0]} is {after[1]}: as told" for each in transitions)


def ledger(last_scale_time: datetime | None) -> ScalingStatus:
    """What an Event about scaling is made of; the other steps do not matter to it."""
    return ScalingStatus.model_construct(desired=4, message="100 wait", last_scale_time=last_scale_time)


@pytest.mark.parametrize("before", [status(), status(scaling=ledger(None)), status(scaling=ledger(NOW))])
def test_workers_that_were_scaled_are_told_once(before: ActionQueuePolicyStatus) -> None:
    scaled = status(scaling=ledger(NOW + timedelta(seconds=30)))

    (told,) = policy_transitions(before, scaled)

    assert (told.severity, told.reason, told.action) == (Severity.NORMAL, "Scaled", "Scale")
    assert told.note == "4 workers wanted: 100 wait"
    assert policy_transitions(scaled, scaled) == []
