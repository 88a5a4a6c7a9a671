"""What a policy's status says of it: the operator has judged, the doctor explains."""

from attune_operator.resources import ActionQueuePolicy, Condition, ConditionStatus, ConditionType


def reported(policy: ActionQueuePolicy, kind: ConditionType) -> Condition | None:
    """A condition; None where it is not reported."""
    conditions = policy.status.conditions if policy.status else ()
    return next((each for each in conditions if each.type == kind), None)


def holds(policy: ActionQueuePolicy, kind: ConditionType, reason: str) -> bool:
    """Whether a condition is True for this reason."""
    found = reported(policy, kind)
    return found is not None and found.status is ConditionStatus.TRUE and found.reason == reason


def message(policy: ActionQueuePolicy, kind: ConditionType) -> str:
    """A condition in words, with its reason."""
    found = reported(policy, kind)
    return f"{kind} is not reported" if found is None else f"{kind} is {found.status} ({found.reason}): {found.message}"
